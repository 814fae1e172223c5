#include <fmt/format.h>

#include "base/text.h"
#include "policy/keys.h"
#include "policy/load.h"

namespace voip::policy {

namespace {

std::string_view section_of(std::string_view name) { return name.substr(0, name.rfind('.')); }
std::string_view last_of(std::string_view name) { return name.substr(name.rfind('.') + 1); }

void list(std::string& out, std::string_view name, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  std::vector<std::string> copy = texts;
  out += fmt::format("{} = {}\n", name, to_toml(&copy));
}

void networks(std::string& out, std::string_view name, const Networks& all) {
  if (all.empty()) return;
  Networks copy = all;
  out += fmt::format("{} = {}\n", name, to_toml(&copy));
}

void flag(std::string& out, std::string_view name, bool value) {
  if (value) out += fmt::format("{} = true\n", name);
}

std::string origin(const Policy& policy, unsigned line) {
  std::string path = policy.path;
  for (char& c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return fmt::format("# {}:{}", path, line);
}

// A sentence as comment lines of at most 100 columns.
void comment(std::string& out, std::string_view text) {
  std::string line = "#";
  TextCursor in{text};
  for (std::string_view word = in.word(); !word.empty(); word = in.word()) {
    if (line.size() + 1 + word.size() > 100) {
      out += line + "\n";
      line = "#";
    }
    line += fmt::format(" {}", word);
  }
  out += line + "\n";
}

}  // namespace

std::string dump_policy(const Policy& policy) {
  Policy copy = policy;  // places are for writing
  std::string out;
  std::string_view section;
  for (const Key& key : keys()) {
    if (section_of(key.name) != section) {
      section = section_of(key.name);
      out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", section);
    }
    std::string line = fmt::format("{} = {}", last_of(key.name), to_toml(key.place(copy)));
    if (line.size() < 48) line.resize(48, ' ');
    const auto given = policy.lines.find(key.name);
    out += fmt::format("{} {}\n", line, given == policy.lines.end() ? "# default" : origin(policy, given->second));
  }
  if (!policy.severities.empty()) out += "\n[severity]\n";
  for (const Override& change : policy.severities) {
    out += fmt::format("{} = \"{}\" {}\n", quoted(change.check), report::to_string(change.severity),
                       origin(policy, change.line));
  }
  for (const Trunk& trunk : policy.trunks) {
    out += fmt::format("\n[[trunk]]\nname = {}\n", quoted(trunk.name));
    Hosts hosts = trunk.hosts;
    if (!hosts.empty()) out += fmt::format("hosts = {}\n", to_toml(&hosts));
    list(out, "numbers", trunk.numbers);
    list(out, "spc", trunk.spc);
    list(out, "headers", trunk.headers);
    if (trunk.cps != 0) out += fmt::format("cps = {}\n", trunk.cps);
    flag(out, "tdm", trunk.tdm);
    flag(out, "wholesale", trunk.wholesale);
    flag(out, "clear_media", trunk.clear_media);
  }
  for (const Suppression& entry : policy.suppressions) {
    out += fmt::format("\n[[suppress]] {}\n", origin(policy, entry.line));
    list(out, "check", entry.checks);
    out += fmt::format("reason = {}\n", quoted(entry.reason));
    if (entry.expires.known()) out += fmt::format("expires = \"{}\"\n", format_utc(entry.expires, 0));
    list(out, "call", entry.calls);
    networks(out, "address", entry.addresses);
    list(out, "number", entry.numbers);
    list(out, "account", entry.accounts);
    list(out, "input", entry.inputs);
    list(out, "fingerprint", entry.fingerprints);
  }
  return out;
}

std::string example_policy() {
  std::string out =
      "# A policy for --policy FILE: what a site says about itself. Every key is optional; what is not given has the\n"
      "# value that stands here, unless it is said to be an example. Unknown keys are errors. Take out the # in front\n"
      "# of what you change. --dump-policy shows what is in force and where it comes from.\n"
      "# Made by --generate policy-example; edit the table of keys, not this file.\n";
  std::string_view section;
  Policy defaults;
  for (const Key& key : keys()) {
    if (section_of(key.name) != section) {
      section = section_of(key.name);
      out += fmt::format("\n[{}]\n", section);
    }
    out += "\n";
    comment(out, key.help);
    out += fmt::format("# Used by: {}.{}\n", key.used_by, key.example.empty() ? "" : " Default: not set; an example:");
    out += fmt::format("#{} = {}\n", last_of(key.name),
                       key.example.empty() ? to_toml(key.place(defaults)) : std::string{key.example});
  }
  out +=
      "\n# The severity of a check, by its id or name: critical, high, medium, low, info.\n[severity]\n"
      "#\"SRTP-013\" = \"low\"\n";
  const auto table = [&out](std::string_view name, std::string_view what, std::span<const ListKey> known) {
    out += "\n";
    comment(out, what);
    out += fmt::format("#[[{}]]\n", name);
    for (const ListKey& key : known) {
      comment(out, key.help);
      out += fmt::format("#{} = {}\n", key.name, key.example);
    }
  };
  table("trunk", "A carrier, customer or partner line; as many as there are.", trunk_keys());
  table("suppress",
        "A finding that is known and accepted; as many as there are. It must match everything that is given. It is "
        "shown as "
        "suppressed and never fails a run. Entries that have expired or match nothing are reported.",
        suppress_keys());
  return out;
}

}  // namespace voip::policy
