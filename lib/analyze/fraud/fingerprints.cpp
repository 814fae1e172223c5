#include "analyze/fraud/fingerprints.h"

#include <algorithm>
#include <bit>

#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

enum class Field : std::uint8_t { kUserAgent, kFromDisplay, kFromUri, kToUri, kContact, kRequest, kSubject, kOwn };
enum class Match : std::uint8_t { kContains, kEquals, kPrefix, kOwn };

struct Sign {
  Tool tool;
  Field field;
  Match match;
  std::string_view pattern;  // lower case
  unsigned weight;
  bool structure = false;
  std::string_view words = {};
};

// Signs that a look at one field does not find are found below, by their place in the table.
enum Special : std::size_t {
  kViciousBranch,
  kViciousCallId,
  kViciousTag,
  kViciousAccept,
  kSipptsBranch,
  kSipptsCallId,
  kSipptsTag,
  kSipptsContact,
  kSipptsBlanks,
  kSipptsMedia,
  kSipptsKey,
  kSipptsSession,
  kNmapTag,
  kNmapCallId,
  kSippCallId,
  kSpecials,
};

constexpr std::array kSigns{
    Sign{Tool::kSipvicious, Field::kOwn, Match::kOwn, "", 1, true, "decimal branch"},
    Sign{Tool::kSipvicious, Field::kOwn, Match::kOwn, "", 1, true, "decimal Call-ID"},
    Sign{Tool::kSipvicious, Field::kOwn, Match::kOwn, "", 2, true, "From tag that is text in hex"},
    Sign{Tool::kSipvicious, Field::kOwn, Match::kOwn, "", 1, true, "Accept: application/sdp on REGISTER"},
    Sign{Tool::kSippts, Field::kOwn, Match::kOwn, "", 2, true, "branch of 71 letters and digits"},
    Sign{Tool::kSippts, Field::kOwn, Match::kOwn, "", 1, true, "Call-ID of 32 hex digits"},
    Sign{Tool::kSippts, Field::kOwn, Match::kOwn, "", 1, true, "From tag of 8 hex digits"},
    Sign{Tool::kSippts, Field::kOwn, Match::kOwn, "", 2, true, "Contact with transport and expires=120"},
    Sign{Tool::kSippts, Field::kOwn, Match::kOwn, "", 2, true, "two blanks after From: and To:"},
    Sign{Tool::kSippts, Field::kOwn, Match::kOwn, "", 3, true, "its SDP media line"},
    Sign{Tool::kSippts, Field::kOwn, Match::kOwn, "", 3, true, "its sample SRTP key"},
    Sign{Tool::kSippts, Field::kOwn, Match::kOwn, "", 3, false, "SDP session name SIPPTS"},
    Sign{Tool::kNmap, Field::kOwn, Match::kOwn, "", 2, false, "From tag root"},
    Sign{Tool::kNmap, Field::kOwn, Match::kOwn, "", 2, false, "Call-ID 50000"},
    Sign{Tool::kSipp, Field::kOwn, Match::kOwn, "", 1, true, "SIPp's Call-ID form"},
    Sign{Tool::kSipvicious, Field::kUserAgent, Match::kContains, "friendly-scanner", 3},
    Sign{Tool::kSipvicious, Field::kUserAgent, Match::kContains, "sipvicious", 3},
    Sign{Tool::kSipvicious, Field::kFromDisplay, Match::kEquals, "sipvicious", 3},
    Sign{Tool::kSipvicious, Field::kFromUri, Match::kEquals, "sip:100@1.1.1.1", 3},
    Sign{Tool::kSipvicious, Field::kContact, Match::kEquals, "sip:123@1.1.1.1", 2},
    Sign{Tool::kSipvicious, Field::kUserAgent, Match::kContains, "sundayddr", 3},
    Sign{Tool::kSipvicious, Field::kUserAgent, Match::kContains, "friendly-request", 3},
    Sign{Tool::kSipvicious, Field::kUserAgent, Match::kPrefix, "sipv", 2},
    Sign{Tool::kScanner, Field::kUserAgent, Match::kContains, "sip-scan", 3},
    Sign{Tool::kScanner, Field::kUserAgent, Match::kContains, "sipscan", 3},
    Sign{Tool::kScanner, Field::kUserAgent, Match::kContains, "scanner", 2},
    Sign{Tool::kSippts, Field::kUserAgent, Match::kEquals, "pplsip", 3},
    Sign{Tool::kSippts, Field::kUserAgent, Match::kEquals, "sipptk", 3},
    Sign{Tool::kNmap, Field::kRequest, Match::kEquals, "sip:nm", 3},
    Sign{Tool::kNmap, Field::kFromUri, Match::kEquals, "sip:nm@nm", 3},
    Sign{Tool::kNmap, Field::kToUri, Match::kEquals, "sip:nm2@nm2", 3},
    Sign{Tool::kNmap, Field::kUserAgent, Match::kContains, "nmap nse", 3},
    Sign{Tool::kVaxSip, Field::kUserAgent, Match::kContains, "vaxsipuseragent", 2},
    Sign{Tool::kVaxSip, Field::kUserAgent, Match::kContains, "vaxipuseragent", 2},
    Sign{Tool::kSipcli, Field::kUserAgent, Match::kPrefix, "sipcli", 2},
    Sign{Tool::kSipsak, Field::kUserAgent, Match::kPrefix, "sipsak", 1},
    Sign{Tool::kSmap, Field::kUserAgent, Match::kPrefix, "smap", 3},
    Sign{Tool::kIwar, Field::kUserAgent, Match::kPrefix, "iwar", 3},
    Sign{Tool::kSivus, Field::kUserAgent, Match::kPrefix, "sivus", 3},
    Sign{Tool::kSiparmyknife, Field::kUserAgent, Match::kPrefix, "siparmyknife", 3},
    Sign{Tool::kNsauditor, Field::kUserAgent, Match::kPrefix, "nsauditor", 3},
    Sign{Tool::kSipp, Field::kFromDisplay, Match::kEquals, "sipp", 2},
    Sign{Tool::kSipp, Field::kSubject, Match::kEquals, "performance test", 2},
    Sign{Tool::kOther, Field::kUserAgent, Match::kEquals, "gulp", 1},
    Sign{Tool::kOther, Field::kUserAgent, Match::kEquals, "test agent", 1},
    Sign{Tool::kOther, Field::kUserAgent, Match::kPrefix, "custom sip", 1},
    Sign{Tool::kOther, Field::kUserAgent, Match::kPrefix, "sipreg", 1},
    Sign{Tool::kOther, Field::kUserAgent, Match::kPrefix, "sipclient", 1},
};
static_assert(kSigns.size() <= 64);

bool digits_only(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }
bool lower_hex(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool matches(const Sign& sign, std::string_view lower) {
  switch (sign.match) {
    case Match::kContains: return lower.find(sign.pattern) != std::string_view::npos;
    case Match::kEquals: return lower == sign.pattern;
    case Match::kPrefix: return lower.starts_with(sign.pattern);
    case Match::kOwn: break;
  }
  return false;
}

void match_field(Signs& signs, Field field, std::string_view value) {
  if (value.empty()) return;
  // URIs are compared whole, and all of those in the table are short.
  const bool uri = field == Field::kFromUri || field == Field::kToUri || field == Field::kContact ||
                   field == Field::kRequest || field == Field::kFromDisplay;
  if (uri && value.size() > 20) return;
  const std::string lower = to_lower(trim(value));
  for (std::size_t i = kSpecials; i < kSigns.size(); ++i) {
    if (kSigns[i].field == field && matches(kSigns[i], lower)) signs.add(i);
  }
}

// "N-PID@address"
bool sipp_call_id(std::string_view id) {
  const std::size_t sign = id.find('@');
  if (sign == std::string_view::npos) return false;
  const std::string_view left = id.substr(0, sign);
  const std::size_t dash = left.find('-');
  if (dash == std::string_view::npos || !digits_only(left.substr(0, dash)) || !digits_only(left.substr(dash + 1))) {
    return false;
  }
  return IpAddress::parse(id.substr(sign + 1)).has_value();
}

}  // namespace

std::string_view to_string(Tool tool) {
  switch (tool) {
    case Tool::kSipvicious: return "sipvicious";
    case Tool::kSippts: return "sippts";
    case Tool::kNmap: return "nmap";
    case Tool::kScanner: return "scanner";
    case Tool::kVaxSip: return "vaxsip";
    case Tool::kSipcli: return "sipcli";
    case Tool::kSipsak: return "sipsak";
    case Tool::kSmap: return "smap";
    case Tool::kIwar: return "iwar";
    case Tool::kSivus: return "sivus";
    case Tool::kSiparmyknife: return "siparmyknife";
    case Tool::kNsauditor: return "nsauditor";
    case Tool::kSipp: return "sipp";
    case Tool::kOther: break;
  }
  return "other";
}

std::string decoded_tag(std::string_view tag) {
  // Anything behind the hex digits (some versions append more) ends the text.
  if (tag.size() < 8 || tag.size() % 2 != 0 || !lower_hex(tag)) return {};
  std::string text;
  for (std::size_t i = 0; i < tag.size(); i += 2) {
    text.push_back(static_cast<char>(*parse_number<std::uint8_t>(tag.substr(i, 2), 16)));
  }
  const std::size_t mark = text.find('\x01');
  if (mark == std::string::npos || mark == 0 || !digits_only(std::string_view(text).substr(mark + 1))) return {};
  text.resize(mark);
  if (!std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; })) return {};
  return text.substr(0, text.find(':'));
}

Signs signs_of(const session::Transaction& t) {
  Signs signs;
  match_field(signs, Field::kFromDisplay, t.from_display);
  match_field(signs, Field::kFromUri, t.from_uri);
  match_field(signs, Field::kToUri, t.to_uri);
  match_field(signs, Field::kRequest, t.request_uri);
  match_field(signs, Field::kSubject, t.subject);
  if (!t.contacts.empty()) match_field(signs, Field::kContact, t.contacts.front().uri);

  if (t.branch.starts_with("z9hG4bK-")) {
    const std::string_view rest = t.branch.substr(8);
    if (rest.size() <= 10 && digits_only(rest)) signs.add(kViciousBranch);
  }
  if (t.call_id.size() >= 6 && t.call_id.size() <= 25 && digits_only(t.call_id)) signs.add(kViciousCallId);
  if (!decoded_tag(t.from_tag).empty()) signs.add(kViciousTag);
  if (t.method == sip::Method::kRegister && iequals(trim(t.accept), "application/sdp")) signs.add(kViciousAccept);

  if (t.branch.size() == 71 &&
      std::ranges::all_of(t.branch, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); })) {
    signs.add(kSipptsBranch);
  }
  if (t.call_id.size() == 32 && lower_hex(t.call_id)) signs.add(kSipptsCallId);
  if (t.from_tag.size() == 8 && lower_hex(t.from_tag)) signs.add(kSipptsTag);
  if (!t.contacts.empty() && t.contacts.front().expires == 120 &&
      t.contacts.front().uri.find(";transport=") != std::string_view::npos) {
    signs.add(kSipptsContact);
  }
  if (t.from_tag == "root") signs.add(kNmapTag);
  if (t.call_id == "50000") signs.add(kNmapCallId);
  if (sipp_call_id(t.call_id)) signs.add(kSippCallId);
  return signs;
}

Signs signs_of_agent(std::string_view user_agent) {
  Signs signs;
  match_field(signs, Field::kUserAgent, user_agent);
  return signs;
}

Signs signs_of_sdp(std::string_view sdp) {
  Signs signs;
  const auto has = [&](std::string_view text) { return sdp.find(text) != std::string_view::npos; };
  if (has("\ns=SIPPTS")) signs.add(kSipptsSession);
  if (has("m=audio 12194 RTP/AVP 0 9 8 18 3 110 101")) signs.add(kSipptsMedia);
  if (has("inline:4EvYRd22P8n36w") || has("inline:mWQ4cakWKOnfH9")) signs.add(kSipptsKey);
  return signs;
}

Signs signs_of_blanks(std::string_view raw, std::string_view from, std::string_view to) {
  const auto blanks = [&](std::string_view value) {
    if (value.empty() || value.data() < raw.data() + 3 || value.data() > raw.data() + raw.size()) return false;
    const auto at = static_cast<std::size_t>(value.data() - raw.data());
    return raw.substr(at - 3, 3) == ":  ";
  };
  Signs signs;
  if (blanks(from) && blanks(to)) signs.add(kSipptsBlanks);
  return signs;
}

unsigned Signs::by_name(Tool tool) const {
  unsigned sum = 0;
  for (std::size_t i = 0; i < kSigns.size(); ++i) {
    if ((bits_ >> i & 1) != 0 && kSigns[i].tool == tool && !kSigns[i].structure) sum += kSigns[i].weight;
  }
  return sum;
}

unsigned Signs::by_structure(Tool tool) const {
  unsigned sum = 0;
  for (std::size_t i = 0; i < kSigns.size(); ++i) {
    if ((bits_ >> i & 1) != 0 && kSigns[i].tool == tool && kSigns[i].structure) sum += kSigns[i].weight;
  }
  return sum;
}

unsigned Signs::structures(Tool tool) const {
  unsigned count = 0;
  for (std::size_t i = 0; i < kSigns.size(); ++i) {
    if ((bits_ >> i & 1) != 0 && kSigns[i].tool == tool && kSigns[i].structure) ++count;
  }
  return count;
}

std::optional<Tool> Signs::named() const {
  static constexpr std::uint64_t kNames = [] {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < kSigns.size(); ++i) {
      if (!kSigns[i].structure) bits |= std::uint64_t{1} << i;
    }
    return bits;
  }();
  if ((bits_ & kNames) == 0) return std::nullopt;
  std::optional<Tool> best;
  unsigned weight = 2;
  for (std::size_t i = 0; i < kToolCount; ++i) {
    const auto tool = static_cast<Tool>(i);
    const unsigned name = by_name(tool);
    if (name != 0 && name + by_structure(tool) > weight) {
      best = tool;
      weight = name + by_structure(tool);
    }
  }
  return best;
}

std::optional<Tool> Signs::structured() const {
  if (std::popcount(bits_) < 2) return std::nullopt;
  if (structures(Tool::kSipvicious) >= 2) return Tool::kSipvicious;
  // Some phones write Call-IDs and tags of that form: one of the strong signs must be there.
  if (structures(Tool::kSippts) >= 2 && by_structure(Tool::kSippts) >= 3) return Tool::kSippts;
  return std::nullopt;
}

bool Signs::hostile() const {
  const auto name = named();
  return (name && *name != Tool::kSipp) || structured();
}

std::optional<Tool> Signs::attributed() const {
  if (const auto tool = named()) return tool;
  if (const auto tool = structured()) return tool;
  for (std::size_t i = 0; i < kToolCount; ++i) {
    const auto tool = static_cast<Tool>(i);
    if (tool != Tool::kOther && by_name(tool) >= 2) return tool;
  }
  return std::nullopt;
}

std::string Signs::describe() const {
  std::string text;
  for (std::size_t i = 0; i < kSigns.size(); ++i) {
    if ((bits_ >> i & 1) == 0) continue;
    if (!text.empty()) text += ", ";
    if (!kSigns[i].words.empty()) {
      text += kSigns[i].words;
      continue;
    }
    switch (kSigns[i].field) {
      case Field::kUserAgent: text += "User-Agent "; break;
      case Field::kFromDisplay: text += "From display "; break;
      case Field::kFromUri: text += "From "; break;
      case Field::kToUri: text += "To "; break;
      case Field::kContact: text += "Contact "; break;
      case Field::kRequest: text += "Request-URI "; break;
      case Field::kSubject: text += "Subject "; break;
      case Field::kOwn: break;
    }
    text += kSigns[i].pattern;
  }
  return text;
}

}  // namespace voip::analyze::fraud
