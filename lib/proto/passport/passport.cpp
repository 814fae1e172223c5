#include "proto/passport/passport.h"

#include <algorithm>
#include <array>

#include "base/codec.h"
#include "base/text.h"

namespace voip::passport {

namespace {

constexpr std::size_t kMaxToken = 64U << 10;

struct Decoded {
  std::vector<std::uint8_t> bytes;
  bool ok = false;
  bool strict = false;
};

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '-' || c == '+') return 62;
  if (c == '_' || c == '/') return 63;
  return -1;
}

// As RFC 7515 wants it, else as a lenient reader would take it, so that the rest of a malformed token can be judged.
Decoded decode(std::string_view text) {
  Decoded out;
  if (auto strict = decode_base64url(text)) {
    out.bytes = std::move(*strict);
    out.ok = out.strict = true;
    return out;
  }
  while (text.ends_with('=')) text.remove_suffix(1);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return out;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.bytes.push_back(static_cast<std::uint8_t>(bits >> count));
      bits &= (1U << count) - 1;
    }
  }
  out.ok = count < 6;
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view token) : token_(token.substr(0, std::min(token.size(), kMaxToken))) {}

  Passport read() {
    const std::size_t first = token_.find('.');
    const std::size_t second = first == std::string_view::npos ? first : token_.find('.', first + 1);
    if (second == std::string_view::npos || token_.find('.', second + 1) != std::string_view::npos) {
      add(TokenDefect::kNotThreeParts, std::to_string(std::ranges::count(token_, '.') + 1));
      return std::move(out_);
    }
    const std::string_view header = token_.substr(0, first);
    const std::string_view payload = token_.substr(first + 1, second - first - 1);
    out_.signing_input = token_.substr(0, second);
    take_signature(token_.substr(second + 1));
    if (header.empty() && payload.empty()) {
      out_.form = Form::kCompact;
      return std::move(out_);
    }
    if (header.empty() || payload.empty()) {
      add(TokenDefect::kNotThreeParts, header.empty() ? "the header is empty" : "the payload is empty");
      return std::move(out_);
    }
    out_.form = Form::kFull;
    take_part(header, "header", out_.header);
    take_part(payload, "payload", out_.payload);
    check_typ();
    check_crit();
    check_iat();
    return std::move(out_);
  }

 private:
  void add(TokenDefect defect, std::string detail = {}) { out_.problems.push_back({defect, std::move(detail)}); }

  void take_signature(std::string_view text) {
    if (text.empty()) return add(TokenDefect::kNoSignature);
    Decoded decoded = decode(text);
    if (!decoded.ok) return add(TokenDefect::kUndecodable, "signature");
    if (!decoded.strict) add(TokenDefect::kNotBase64Url, "signature");
    out_.signature = std::move(decoded.bytes);
  }

  void take_part(std::string_view text, const char* name, Json& into) {
    const Decoded decoded = decode(text);
    if (!decoded.ok) return add(TokenDefect::kUndecodable, name);
    if (!decoded.strict) add(TokenDefect::kNotBase64Url, name);
    const std::string_view json = as_text(decoded.bytes);
    JsonText parsed = parse_json(json);
    if (!parsed.ok) return add(TokenDefect::kNotJson, std::string(name) + ": " + parsed.error);
    if (parsed.duplicate) add(TokenDefect::kDuplicateKey, name);
    if (!parsed.value.is_object()) return add(TokenDefect::kNotObject, name);
    if (!parsed.duplicate && parsed.value.canonical() != json) add(TokenDefect::kNotCanonical, name);
    into = std::move(parsed.value);
  }

  void check_typ() {
    if (!out_.header.is_object()) return;
    const Json* typ = out_.header.find("typ");
    if (typ == nullptr) return add(TokenDefect::kNoTyp);
    if (typ->is_string() && typ->text == "passport") return;
    if (typ->is_string() && iequals(typ->text, "passport")) return add(TokenDefect::kTypCase, typ->text);
    add(TokenDefect::kWrongTyp, typ->is_string() ? typ->text : typ->canonical());
  }

  // Whoever does not know a name in crit has to refuse the token. ppt is the only extension that a verifier of
  // PASSporTs knows.
  void check_crit() {
    const Json* crit = out_.header.find("crit");
    if (crit == nullptr) return;
    const bool known =
        crit->is_array() && !crit->items.empty() && std::ranges::all_of(crit->items, [&](const Json& one) {
          return one.is_string() && one.text == "ppt" && out_.header.find("ppt") != nullptr;
        });
    if (!known) add(TokenDefect::kCritical, crit->canonical());
  }

  void check_iat() {
    const Json* iat = out_.payload.find("iat");
    if (iat == nullptr) return;
    if (iat->is_string()) add(TokenDefect::kIatText, iat->text);
    if (iat->kind == Json::Kind::kNumber) add(TokenDefect::kIatFraction, iat->text);
  }

  std::string_view token_;
  Passport out_;
};

// {"tn": ...} or {"uri": ...}; false: neither, both, or of the wrong type.
bool read_party(const Json& value, Party& into) {
  if (!value.is_object()) return false;
  const Json* tn = value.find("tn");
  const Json* uri = value.find("uri");
  if (tn != nullptr && tn->is_string()) into.tn = tn->text;
  if (into.tn.empty() && uri != nullptr && uri->is_string()) into.uri = uri->text;
  return (tn == nullptr) != (uri == nullptr) && !into.empty();
}

// False: an entry of the wrong type, or none at all.
bool read_parties(const Json& value, std::vector<Party>& into) {
  if (!value.is_object()) return false;
  bool good = true;
  for (const char* kind : {"tn", "uri"}) {
    const Json* list = value.find(kind);
    if (list == nullptr) continue;
    if (!list->is_array() || list->items.empty()) {
      good = false;
      // Some signers write a plain string: judged, but malformed.
      if (list->is_string() && !list->text.empty()) {
        into.push_back(*kind == 't' ? Party{list->text, {}} : Party{{}, list->text});
      }
      continue;
    }
    for (const Json& item : list->items) {
      if (!item.is_string() || item.text.empty()) {
        good = false;
      } else {
        into.push_back(*kind == 't' ? Party{item.text, {}} : Party{{}, item.text});
      }
    }
  }
  return good && !into.empty();
}

std::optional<std::string> text_of(const Json& object, std::string_view name) {
  const std::string* text = object.find_string(name);
  return text == nullptr ? std::nullopt : std::optional(*text);
}

class ClaimCheck {
 public:
  ClaimCheck(const Json& payload, std::vector<std::string>& out) : payload_(payload), out_(out) {}

  // Adds a sentence when the claim is missing or `good` is false.
  void want(const char* name, bool good, const char* type) {
    const Json* value = payload_.find(name);
    if (value == nullptr) {
      out_.push_back(std::string(name) + " is missing");
    } else if (!good) {
      out_.push_back(std::string(name) + " is not " + type);
    }
  }

 private:
  const Json& payload_;
  std::vector<std::string>& out_;
};

}  // namespace

bool fatal(TokenDefect defect) { return defect < TokenDefect::kTypCase; }

std::string_view to_string(TokenDefect defect) {
  switch (defect) {
    case TokenDefect::kNotThreeParts: return "the token does not have three parts";
    case TokenDefect::kNotBase64Url: return "not base64url without padding";
    case TokenDefect::kUndecodable: return "no base64";
    case TokenDefect::kNotJson: return "not JSON";
    case TokenDefect::kDuplicateKey: return "a key stands twice";
    case TokenDefect::kNotObject: return "not a JSON object";
    case TokenDefect::kNoTyp: return "typ is missing";
    case TokenDefect::kWrongTyp: return "typ is not passport";
    case TokenDefect::kIatText: return "iat is a text, not a number";
    case TokenDefect::kNoSignature: return "there is no signature";
    case TokenDefect::kCritical: return "crit demands what is not known";
    case TokenDefect::kTypCase: return "typ is not in lower case";
    case TokenDefect::kNotCanonical: return "not in canonical form";
    case TokenDefect::kIatFraction: return "iat is not a whole number";
  }
  return "?";
}

bool Passport::malformed() const {
  return std::ranges::any_of(problems, [](const TokenProblem& problem) { return fatal(problem.defect); });
}

Passport parse_passport(std::string_view token) { return Reader{token}.read(); }

Claims read_claims(const Passport& passport) {
  Claims claims;
  const Json& header = passport.header;
  const Json& payload = passport.payload;
  claims.typ = text_of(header, "typ");
  claims.alg = text_of(header, "alg");
  claims.ppt = text_of(header, "ppt");
  claims.x5u = text_of(header, "x5u");
  if (const Json* iat = payload.find("iat")) {
    if (iat->kind == Json::Kind::kInteger) claims.iat = iat->integer;
    if (iat->kind == Json::Kind::kNumber && iat->number > -1e15 && iat->number < 1e15) {
      claims.iat = static_cast<std::int64_t>(iat->number);
    }
    if (claims.iat.has_value() || iat->kind == Json::Kind::kNumber) claims.iat_value = iat;
  }
  if (const Json* orig = payload.find("orig")) read_party(*orig, claims.orig);
  if (const Json* dest = payload.find("dest")) read_parties(*dest, claims.dest);
  if (const Json* div = payload.find("div")) read_party(*div, claims.div);
  claims.opt = text_of(payload, "opt");
  claims.attest = text_of(payload, "attest");
  claims.origid = text_of(payload, "origid");
  claims.rcd = payload.find("rcd");
  claims.rcdi = payload.find("rcdi");
  claims.crn = payload.find("crn");
  claims.rph = payload.find("rph");
  claims.sph = payload.find("sph");
  claims.mky = payload.find("mky");
  return claims;
}

std::vector<std::string> claim_problems(const Passport& passport, const Claims& claims, std::string_view ppt) {
  std::vector<std::string> out;
  const Json& payload = passport.payload;
  if (!payload.is_object()) {
    out.emplace_back("there are no claims");
    return out;
  }
  ClaimCheck check{payload, out};
  check.want("iat", claims.iat.has_value(), "a number");
  Party party;
  const Json* orig = payload.find("orig");
  check.want("orig", orig != nullptr && read_party(*orig, party), "one tn or one uri");
  std::vector<Party> parties;
  const Json* dest = payload.find("dest");
  check.want("dest", dest != nullptr && read_parties(*dest, parties), "a list of tn or uri");
  if (ppt == "shaken") {
    check.want("attest", claims.attest.has_value(), "a text");
    check.want("origid", claims.origid.has_value(), "a text");
  }
  if (ppt == "div" || ppt == "div-o") {
    Party diverted;
    const Json* div = payload.find("div");
    check.want("div", div != nullptr && read_party(*div, diverted), "one tn or one uri");
  }
  if (ppt == "div-o") check.want("opt", claims.opt.has_value(), "a text");
  if (ppt == "rcd" && claims.crn == nullptr) {
    check.want("rcd", claims.rcd != nullptr && claims.rcd->find_string("nam") != nullptr, "an object with nam");
  }
  if (ppt == "rph") {
    const Json* auth = claims.rph != nullptr && claims.rph->is_object() ? claims.rph->find("auth") : nullptr;
    const bool good = auth != nullptr && auth->is_array() && std::ranges::all_of(auth->items, &Json::is_string);
    if (claims.rph != nullptr || claims.sph == nullptr) check.want("rph", good, "an object with a list auth");
  }
  if (claims.mky != nullptr && !read_media_keys(*claims.mky)) out.emplace_back("mky is not a list of alg and dig");
  return out;
}

bool known_ppt(std::string_view ppt) {
  constexpr std::array<std::string_view, 6> kKnown{"", "shaken", "div", "div-o", "rcd", "rph"};
  return std::ranges::find(kKnown, ppt) != kKnown.end();
}

std::optional<std::vector<MediaKey>> read_media_keys(const Json& mky) {
  if (!mky.is_array() || mky.items.empty()) return std::nullopt;
  std::vector<MediaKey> keys;
  for (const Json& item : mky.items) {
    const std::string* alg = item.find_string("alg");
    const std::string* dig = item.find_string("dig");
    if (alg == nullptr || dig == nullptr || dig->empty()) return std::nullopt;
    MediaKey key{to_lower(*alg), {}};
    for (const char c : *dig) {
      if (c != ':') key.dig += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    keys.push_back(std::move(key));
  }
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

std::string encode_base64url(ByteView bytes) {
  std::string text = encode_base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

SigningInput rebuild(const Rebuilt& from) {
  const auto party = [](const Party& one, bool list) {
    const char* kind = one.tn.empty() ? "uri" : "tn";
    const std::string value = json_string(one.text());
    return std::string("{\"") + kind + "\":" + (list ? "[" + value + "]" : value) + "}";
  };
  std::string header = "{\"alg\":\"ES256\",";
  if (!from.ppt.empty()) header += "\"ppt\":" + json_string(from.ppt) + ",";
  header += "\"typ\":\"passport\",\"x5u\":" + json_string(from.x5u) + "}";
  SigningInput out;
  out.payload = "{\"dest\":" + party(from.dest, true) + ",\"iat\":" + std::to_string(from.iat);
  if (!from.media_keys.empty()) {
    out.payload += ",\"mky\":[";
    for (std::size_t i = 0; i < from.media_keys.size(); ++i) {
      if (i != 0) out.payload += ',';
      out.payload +=
          "{\"alg\":" + json_string(from.media_keys[i].alg) + ",\"dig\":" + json_string(from.media_keys[i].dig) + "}";
    }
    out.payload += ']';
  }
  out.payload += ",\"orig\":" + party(from.orig, false) + "}";
  out.text = encode_base64url(as_bytes(header)) + "." + encode_base64url(as_bytes(out.payload));
  return out;
}

}  // namespace voip::passport
