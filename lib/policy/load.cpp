#include "policy/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "base/text.h"
#include "policy/keys.h"
#include "policy/suggest.h"
#include "policy/toml.h"
#include "policy/zone.h"

namespace voip::policy {

namespace {

using report::Rule;

constexpr std::size_t kMostSuppressions = 10'000;

std::string did_you_mean(std::string_view typed, std::span<const std::string> words) {
  const std::string meant = nearest(typed, words);
  return meant.empty() ? std::string{} : fmt::format(" (did you mean {}?)", meant);
}

bool is_digits(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

// "+4930123*" to "+4930123"; without + it is no E.164 number.
bool read_number(std::string_view text, std::string& out) {
  if (text.ends_with('*')) text.remove_suffix(1);
  if (!text.starts_with('+') || !is_digits(text.substr(1)) || text.size() > 16) return false;
  out = text;
  return true;
}

std::optional<std::chrono::seconds> read_span(std::string_view number, std::string_view unit) {
  const auto count = parse_number<std::uint32_t>(number);
  if (!count || *count == 0) return std::nullopt;
  if (unit == "s") return std::chrono::seconds{*count};
  if (unit == "min" || unit == "m") return std::chrono::minutes{*count};
  if (unit == "h") return std::chrono::hours{*count};
  if (unit == "d") return std::chrono::hours{24ULL * *count};
  return std::nullopt;
}

// "10 in 600 s"
std::optional<Window> read_window(std::string_view text) {
  TextCursor in{text};
  Window window;
  window.count = in.number<std::uint64_t>();
  if (!in.ok() || in.word() != "in") return std::nullopt;
  in.skip_blanks();
  const std::string_view number = in.take_while(is_digit);
  const auto within = read_span(number, in.word());
  in.skip_blanks();
  if (!within || window.count == 0 || !in.at_end()) return std::nullopt;
  window.within = *within;
  return window;
}

bool is_domain(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
  });
}

bool is_destination(std::string_view text) {
  std::string number;
  if (text.starts_with('+')) return read_number(text, number);
  for (const std::string_view prefix : {"tier:", "kind:"}) {
    if (text.starts_with(prefix)) return text.size() > prefix.size();
  }
  return text.size() == 2 && is_alpha(text[0]) && is_alpha(text[1]);
}

class Loader {
 public:
  Loader(const std::string& path, std::span<const Rule* const> rules) : path_(path), rules_(rules) {
    policy_.path = path;
  }

  Result<Policy> load(const Node& root) {
    read_table(root, "");
    if (problems_.empty()) return std::move(policy_);
    if (problems_.size() == 1) return Error{problems_.front()};
    return Error{fmt::format("{} (and {} more)", problems_.front(), problems_.size() - 1)};
  }

 private:
  void problem(const Node& at, std::string text) {
    problems_.push_back(fmt::format("{}:{}:{}: {}", path_, at.line, at.column, text));
  }

  void read_table(const Node& table, const std::string& prefix) {
    for (const auto& [name, node] : table.members) {
      const std::string full = prefix.empty() ? name : fmt::format("{}.{}", prefix, name);
      if (full == "severity") {
        read_severities(node);
      } else if (full == "suppress") {
        read_list(node, full, [this](const Node& entry) { read_suppression(entry); });
      } else if (full == "trunk") {
        read_list(node, full, [this](const Node& entry) { read_trunk(entry); });
      } else if (const auto key = std::ranges::find(keys(), full, &Key::name); key != keys().end()) {
        read_value(*key, node);
      } else if (node.type == Node::Type::kTable && is_section(full)) {
        read_table(node, full);
      } else {
        problem(node, fmt::format("unknown key {}{}", full, did_you_mean(full, known_names(prefix))));
      }
    }
  }

  static bool is_section(const std::string& name) {
    return std::ranges::any_of(keys(), [&](const Key& key) { return key.name.starts_with(name + "."); });
  }

  static std::vector<std::string> known_names(const std::string& prefix) {
    std::vector<std::string> names;
    for (const Key& key : keys()) {
      names.emplace_back(key.name);
      if (prefix.empty()) names.emplace_back(key.name.substr(0, key.name.find('.')));
    }
    for (const char* name : {"severity", "suppress", "trunk"}) names.emplace_back(name);
    return names;
  }

  void read_list(const Node& node, const std::string& name, const std::function<void(const Node&)>& each) {
    const bool fits = node.type == Node::Type::kList &&
                      std::ranges::all_of(node.items, [](const Node& n) { return n.type == Node::Type::kTable; });
    if (!fits) return problem(node, fmt::format("{0} is a list of tables: [[{0}]]", name));
    if (node.items.size() > kMostSuppressions) return problem(node, fmt::format("too many [[{}]]", name));
    for (const Node& entry : node.items) each(entry);
  }

  // A text, or a list of texts. False when it is neither (and then it is told).
  bool texts(const Node& node, std::string_view name, std::vector<std::string>& out) {
    if (node.type == Node::Type::kText) {
      if (!node.text.empty()) out.push_back(node.text);
      return true;
    }
    const bool fits = node.type == Node::Type::kList &&
                      std::ranges::all_of(node.items, [](const Node& n) { return n.type == Node::Type::kText; });
    if (!fits) {
      problem(node, fmt::format("{} takes a text or a list of texts", name));
      return false;
    }
    for (const Node& item : node.items) out.push_back(item.text);
    return true;
  }

  void wanted(const Node& node, std::string_view name, std::string_view what) {
    problem(node, fmt::format("{} takes {}", name, what));
  }

  void read_value(const Key& key, const Node& node) {
    policy_.lines[std::string{key.name}] = node.line;
    std::visit([&](auto* place) { read(key, node, *place); }, key.place(policy_));
  }

  void read(const Key& key, const Node& node, bool& out) {
    if (node.type != Node::Type::kBool) return wanted(node, key.name, "true or false");
    out = node.flag;
  }

  void read(const Key& key, const Node& node, std::uint64_t& out) {
    const bool fits = node.type == Node::Type::kInteger && node.integer >= 0 &&
                      static_cast<std::uint64_t>(node.integer) >= key.least &&
                      static_cast<std::uint64_t>(node.integer) <= key.most;
    if (!fits) {
      return wanted(node, key.name,
                    key.most == UINT64_MAX ? fmt::format("a whole number from {}", key.least)
                                           : fmt::format("a whole number from {} to {}", key.least, key.most));
    }
    out = static_cast<std::uint64_t>(node.integer);
  }

  void read(const Key& key, const Node& node, double& out) {
    const bool number = node.type == Node::Type::kInteger || node.type == Node::Type::kReal;
    const bool fits = number && std::isfinite(node.real) && node.real >= static_cast<double>(key.least) &&
                      (key.most == UINT64_MAX || node.real <= static_cast<double>(key.most));
    if (!fits) return wanted(node, key.name, fmt::format("a number from {} to {}", key.least, key.most));
    out = node.real;
  }

  void read(const Key& key, const Node& node, std::string& out) {
    if (node.type != Node::Type::kText) return wanted(node, key.name, "a text");
    out = node.text;
    if (out.empty()) return;
    if (key.kind == Kind::kDigits && !is_digits(out)) return wanted(node, key.name, "digits");
    if (key.kind == Kind::kZone) {
      if (const auto zone = Zone::load(out); !zone) return problem(node, zone.error().message);
    }
    if (key.kind == Kind::kCountry) {
      if (out.starts_with('+')) out.erase(0, 1);
      const bool code = out.size() == 2 && is_alpha(out[0]) && is_alpha(out[1]);
      if (!code && !(is_digits(out) && out.size() <= 3))
        return wanted(node, key.name, "a country (\"US\") or a calling code (\"1\")");
      for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }

  void read(const Key& key, const Node& node, std::vector<std::string>& out) {
    std::vector<std::string> list;
    if (!texts(node, key.name, list)) return;
    for (std::string& text : list) {
      std::string number;
      if (key.kind == Kind::kDigits && !is_digits(text)) return wanted(node, key.name, "digits");
      if (key.kind == Kind::kNumbers) {
        if (!read_number(text, number)) return wanted(node, key.name, "numbers in E.164, like \"+12125550\"");
        text = number;
      }
      if (key.kind == Kind::kDomains) {
        if (!is_domain(text)) return wanted(node, key.name, fmt::format("domains; '{}' is none", text));
        text = to_lower(text);
      }
      if (key.kind == Kind::kDestinations) {
        if (!is_destination(text)) {
          return wanted(node, key.name,
                        fmt::format("countries (\"US\"), \"tier:NAME\", \"kind:NAME\" or prefixes (\"+44\"); '{}' is "
                                    "none of them",
                                    text));
        }
        if (text.ends_with('*')) text.pop_back();
        if (text.size() == 2 && is_alpha(text[0])) {
          for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        }
      }
      if (key.kind == Kind::kTiers) {
        constexpr std::array<std::string_view, 4> kTiers{"low", "medium", "high", "critical"};
        if (std::ranges::find(kTiers, text) == kTiers.end())
          return wanted(node, key.name, "tiers: low, medium, high, critical");
      }
    }
    out = std::move(list);
  }

  void read(const Key& key, const Node& node, std::vector<double>& out) {
    const bool fits =
        node.type == Node::Type::kList && node.items.size() == 4 && std::ranges::all_of(node.items, [](const Node& n) {
          return (n.type == Node::Type::kInteger || n.type == Node::Type::kReal) && n.real >= 0 &&
                 std::isfinite(n.real);
        });
    if (!fits) return wanted(node, key.name, "four numbers");
    out.clear();
    for (const Node& item : node.items) out.push_back(item.real);
  }

  void read(const Key& key, const Node& node, Window& out) {
    const auto window = node.type == Node::Type::kText ? read_window(node.text) : std::nullopt;
    if (!window) return wanted(node, key.name, "a text like \"10 in 600 s\" (s, min, h, d)");
    out = *window;
  }

  void read(const Key& key, const Node& node, Networks& out) {
    std::vector<std::string> list;
    if (!texts(node, key.name, list)) return;
    for (const std::string& text : list) {
      const auto network = Network::parse(text);
      if (!network) {
        return wanted(
            node, key.name,
            fmt::format("addresses and networks (\"192.0.2.0/24\", no bits behind the prefix); '{}' is none", text));
      }
      out.add(*network);
    }
  }

  bool read_hosts(const Node& node, std::string_view name, Hosts& out) {
    std::vector<std::string> list;
    if (!texts(node, name, list)) return false;
    for (const std::string& text : list) {
      if (const auto network = Network::parse(text)) {
        out.networks.add(*network);
      } else if (is_domain(text) && std::ranges::any_of(text, is_alpha)) {
        out.names.push_back(to_lower(text));
      } else {
        wanted(node, name, fmt::format("addresses, networks and host names; '{}' is none", text));
        return false;
      }
    }
    return true;
  }
  void read(const Key& key, const Node& node, Hosts& out) { read_hosts(node, key.name, out); }

  void read(const Key& key, const Node& node, Hours& out) {
    std::vector<std::string> list;
    if (!texts(node, key.name, list)) return;
    Hours hours;
    for (const std::string& text : list) {
      if (!hours.add(text)) {
        return wanted(node, key.name,
                      fmt::format("texts like \"Mon-Fri 07:00-20:00\" or \"always\"; '{}' is none", text));
      }
    }
    out = hours;
  }

  // An id or name of a check; told when it can't be one.
  bool check_name(const Node& node, const std::string& name) {
    std::vector<std::string> own;
    std::vector<std::string> families;
    for (const Rule* rule : rules_) {
      if (iequals(rule->id, name) || iequals(rule->name, name)) return true;
      own.emplace_back(rule->id);
      own.emplace_back(rule->name);
      families.emplace_back(rule->id.substr(0, rule->id.find('-')));
    }
    const std::string family = name.substr(0, name.find('-'));
    const bool ours = std::ranges::any_of(families, [&](const std::string& f) { return iequals(f, family); });
    const bool id = name.size() > 4 && is_digit(name.back());
    // A name of another tool can't be known here; what differs from one of ours by a letter is a slip.
    const std::string meant = id && !ours ? std::string{} : nearest(name, own);
    const bool slip = !meant.empty() && meant.size() + 2 >= name.size() && meant.size() <= name.size() + 2;
    if ((id && ours) || slip) {
      problem(node, fmt::format("there is no check '{}'{}", name,
                                meant.empty() ? "" : fmt::format(" (did you mean {}?)", meant)));
      return false;
    }
    return true;
  }

  void read_severities(const Node& table) {
    if (table.type != Node::Type::kTable) return wanted(table, "severity", "a table: \"SRTP-013\" = \"low\"");
    for (const auto& [name, node] : table.members) {
      const auto level = node.type == Node::Type::kText ? report::severity_of(to_lower(node.text)) : std::nullopt;
      if (!level) {
        wanted(node, fmt::format("severity of {}", name), "one of critical, high, medium, low, info");
      } else if (check_name(node, name)) {
        policy_.severities.push_back({name, *level, node.line});
      }
    }
  }

  bool known_key(const Node& node, std::string_view list, const std::string& name, std::span<const ListKey> known) {
    if (std::ranges::find(known, name, &ListKey::name) != known.end()) return true;
    std::vector<std::string> names;
    for (const ListKey& key : known) names.emplace_back(key.name);
    problem(node, fmt::format("unknown key {} in [[{}]]{}", name, list, did_you_mean(name, names)));
    return false;
  }

  void read_suppression(const Node& entry) {
    Suppression out;
    out.line = entry.line;
    bool good = true;
    for (const auto& [name, node] : entry.members) {
      if (!known_key(node, "suppress", name, suppress_keys())) {
        good = false;
      } else if (name == "check") {
        good = texts(node, name, out.checks) && good;
        for (const std::string& check : out.checks) good = (check == "*" || check_name(node, check)) && good;
      } else if (name == "reason") {
        good = node.type == Node::Type::kText && good;
        out.reason = node.text;
      } else if (name == "expires") {
        const bool text = node.type == Node::Type::kText || node.type == Node::Type::kMoment;
        const auto moment = text ? parse_time(node.text) : std::nullopt;
        if (!moment) {
          wanted(node, name, "a date: 2027-01-31");
          good = false;
        } else {
          out.expires = *moment;
        }
      } else if (name == "address") {
        std::vector<std::string> list;
        good = texts(node, name, list) && good;
        for (const std::string& text : list) {
          const auto network = Network::parse(text);
          if (network) {
            out.addresses.add(*network);
          } else {
            wanted(node, name, fmt::format("addresses and networks; '{}' is none", text));
            good = false;
          }
        }
      } else if (name == "number") {
        std::vector<std::string> list;
        good = texts(node, name, list) && good;
        for (std::string text : list) {
          if (text.ends_with('*')) text.pop_back();
          if (text.starts_with('+')) text.erase(0, 1);
          if (!is_digits(text)) {
            wanted(node, name, "number prefixes, like \"+1212555\"");
            good = false;
            break;
          }
          out.numbers.push_back(text);
        }
      } else {
        std::vector<std::string>& list = name == "call"      ? out.calls
                                         : name == "account" ? out.accounts
                                         : name == "input"   ? out.inputs
                                                             : out.fingerprints;
        good = texts(node, name, list) && good;
      }
    }
    if (out.checks.empty() && good) {
      good = false;
      problem(entry, "[[suppress]] needs a check (\"*\" is every check)");
    }
    if (trim(out.reason).empty() && good) {
      good = false;
      problem(entry, "[[suppress]] needs a reason");
    }
    const bool everything = out.calls.empty() && out.accounts.empty() && out.numbers.empty() && out.addresses.empty() &&
                            out.inputs.empty() && out.fingerprints.empty();
    if (good && everything && std::ranges::find(out.checks, "*") != out.checks.end()) {
      good = false;
      problem(entry, "[[suppress]] of every check needs a call, address, number, account, input or fingerprint");
    }
    if (good) policy_.suppressions.push_back(std::move(out));
  }

  bool read_flag(const Node& node, std::string_view name, bool& into) {
    into = node.flag;
    if (node.type == Node::Type::kBool) return true;
    wanted(node, name, "true or false");
    return false;
  }

  void read_trunk(const Node& entry) {
    Trunk out;
    bool good = true;
    for (const auto& [name, node] : entry.members) {
      if (!known_key(node, "trunk", name, trunk_keys())) {
        good = false;
      } else if (name == "name") {
        good = node.type == Node::Type::kText && good;
        out.name = node.text;
      } else if (name == "hosts") {
        good = read_hosts(node, name, out.hosts) && good;
      } else if (name == "numbers") {
        good = texts(node, name, out.numbers) && good;
        for (std::string& text : out.numbers) {
          std::string number;
          if (!read_number(text, number)) {
            wanted(node, name, "numbers in E.164, like \"+12125550\"");
            good = false;
            break;
          }
          text = number;
        }
      } else if (name == "spc") {
        good = texts(node, name, out.spc) && good;
      } else if (name == "headers") {
        good = texts(node, name, out.headers) && good;
      } else if (name == "cps") {
        if (node.type != Node::Type::kInteger || node.integer < 0) {
          wanted(node, name, "a whole number from 0");
          good = false;
        } else {
          out.cps = static_cast<std::uint64_t>(node.integer);
        }
      } else if (name == "tdm") {
        good = read_flag(node, name, out.tdm) && good;
      } else if (name == "wholesale") {
        good = read_flag(node, name, out.wholesale) && good;
      } else {
        good = read_flag(node, name, out.clear_media) && good;
      }
    }
    if (good && out.name.empty()) {
      good = false;
      problem(entry, "[[trunk]] needs a name");
    }
    if (good) policy_.trunks.push_back(std::move(out));
  }

  const std::string& path_;
  std::span<const Rule* const> rules_;
  Policy policy_;
  std::vector<std::string> problems_;
};

}  // namespace

Result<Policy> load_policy(std::string_view text, const std::string& path, std::span<const Rule* const> rules) {
  const auto root = parse_toml(text, path);
  if (!root) return root.error();
  return Loader{path, rules}.load(*root);
}

}  // namespace voip::policy
