#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/checks.h"
#include "analyze/srtp/stream_state.h"
#include "base/text.h"

// What the wire gives away beside the voice: SRTP-032 to SRTP-035.
namespace voip::analyze::srtp {

namespace {

bool hex_digits(std::string_view text, std::string_view allowed = {}) {
  return std::ranges::all_of(text, [&](char c) {
    return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f') || allowed.find(c) != std::string_view::npos;
  });
}

// What a CNAME gives away; empty for one that looks random.
std::string_view leak_of(std::string_view cname) {
  if (const std::size_t at = cname.rfind('@'); at != std::string_view::npos && at != 0) {
    std::string_view host = cname.substr(at + 1);
    host = host.substr(0, host.find_first_of(";>"));
    if (IpAddress::parse(host) || IpAddress::parse(host.substr(0, host.rfind(':')))) return "user@address";
    // pjsip makes both halves at random: "Y2I4@pjYTk.org".
    if (host.starts_with("pj") && host.ends_with(".org")) return {};
    return "user@host";
  }
  if (IpAddress::parse(cname)) return "an address";
  if (cname.size() == 17 && hex_digits(cname, ":-") && (cname[2] == ':' || cname[2] == '-')) return "a MAC address";
  if (cname.size() == 12 && hex_digits(cname) && std::ranges::any_of(cname, is_alpha)) return "something like a MAC";
  return {};
}

}  // namespace

// SRTP-032.
void check_cname(Findings& out, const Call* call, const std::vector<const RtcpFlow*>& flows, CallRecord* record) {
  bool any = false;
  std::vector<std::pair<IpAddress, std::string>> told;
  for (const RtcpFlow* flow : flows) {
    std::string_view cname = flow->cname;
    FrameRef frame = flow->first_clear;
    if (cname.empty() && flow->attachment != nullptr) {
      const auto& state = static_cast<const RtcpState&>(*flow->attachment);
      cname = state.cname;
      frame = state.first_clear;
    }
    if (cname.empty()) continue;
    any = true;
    if (record != nullptr && record->more().cnames.size() < 8)
      record->more().cnames.emplace_back(text_key(cname), frame);
    const std::string_view leak = leak_of(cname);
    const std::pair mark{flow->key.src.address, std::string(cname)};
    if (leak.empty() || std::ranges::find(told, mark) != told.end()) {
      if (leak.empty()) out.tally(kCname, Verdict::kPass);
      continue;
    }
    told.push_back(mark);
    out.tally(kCname, Verdict::kFail);
    out.add(kCname,
            fmt::format("RTCP from {} shows a CNAME that is {} ({} characters)", flow->key.src.to_string(), leak,
                        cname.size()),
            call, flow->key.src.address.to_string() + "|cname", {{frame, "clear SDES"}},
            {{"source", flow->key.src.to_string()}, {"destination", flow->key.dst.to_string()}});
  }
  if (!any) out.tally(kCname, flows.empty() ? Verdict::kNotApplicable : Verdict::kPass);
}

namespace {

constexpr std::string_view kEncrypt = "urn:ietf:params:rtp-hdrext:encrypt";

struct ExtMap {
  unsigned id = 0;
  bool level = false;      // audio level of speaker or mixer
  bool encrypted = false;  // RFC 6904
};

void read_extmaps(const MediaLine* line, std::vector<ExtMap>& maps) {
  if (line == nullptr) return;
  for (const sdp::Attribute& attribute : line->attributes) {
    if (attribute.name != "extmap" || maps.size() >= 32) continue;
    TextCursor words{attribute.value};
    const std::string_view number = words.word();
    words.skip_blanks();
    std::string_view uri = words.word();
    words.skip_blanks();
    ExtMap map;
    map.id = parse_number<unsigned>(number.substr(0, number.find('/'))).value_or(0);
    if (uri == kEncrypt) {
      map.encrypted = true;
      uri = words.word();
    }
    map.level = uri.ends_with(":ssrc-audio-level") || uri.ends_with(":csrc-audio-level");
    if (map.id >= 1 && map.id <= 15) maps.push_back(map);
  }
}

bool says_cryptex(const MediaLine* line) {
  return line != nullptr &&
         std::ranges::any_of(line->attributes, [](const sdp::Attribute& a) { return a.name == "cryptex"; });
}

// Values that move like a level: random bytes step far in 38 % of all cases.
bool structured(const ExtensionWatch::Element& element) {
  return element.packets >= 20 && element.rises_far * 5 < element.packets;
}

}  // namespace

// SRTP-033 and SRTP-034.
void check_extensions(Findings& out, const Call& call, const LineState& state, const JudgedStream& judged) {
  const StreamRecord& record = *judged.record;
  const auto* stream = static_cast<const StreamState*>(judged.stream->attachment.get());
  const bool secure = record.observed == Observed::kEncrypted;
  const ExtensionWatch* watch = stream != nullptr ? stream->extensions.get() : nullptr;
  std::vector<ExtMap> maps;
  read_extmaps(state.answer, maps);
  const bool of_answer = !maps.empty();
  if (!of_answer) read_extmaps(state.offer, maps);
  const bool cryptex = says_cryptex(state.offer) && says_cryptex(state.answer);
  const Subject subject{{"source", record.src.to_string()}, {"destination", record.dst.to_string()}};
  const auto entity = hosts(record.src, record.dst);

  const bool levels = std::ranges::any_of(maps, [](const ExtMap& m) { return m.level; });
  const ExtMap* shown = nullptr;
  if (watch != nullptr) {
    for (const ExtMap& map : maps) {
      const ExtensionWatch::Element& element = watch->elements[map.id];
      if (map.level && element.packets >= 20 && element.changes >= 3 && (!map.encrypted || structured(element)) &&
          structured(element))
        shown = &map;
    }
  }
  if (!secure || !levels) {
    out.tally(kAudioLevel,
              record.observed == Observed::kUndetermined && levels ? Verdict::kNotAssessable : Verdict::kNotApplicable);
  } else if (shown != nullptr) {
    const ExtensionWatch::Element& element = watch->elements[shown->id];
    out.tally(kAudioLevel, Verdict::kFail);
    out.add(
        kAudioLevel,
        fmt::format("{} packets from {} to {} carry the audio level readable in extension {}: {} values, {} changes",
                    element.packets, record.src.to_string(), record.dst.to_string(), shown->id, element.values.count(),
                    element.changes),
        &call, entity + "|level", {{element.first, "first such packet"}}, subject);
  } else {
    const bool few =
        watch != nullptr && watch->one_byte + watch->two_byte != 0 && watch->cryptex == 0 && record.packets < 20;
    out.tally(kAudioLevel, few ? Verdict::kNotAssessable : Verdict::kPass);
  }

  const ExtMap* bare = nullptr;
  bool agreed = false;
  std::vector<ExtMap> offered;
  read_extmaps(state.offer, offered);
  for (const ExtMap& map : maps) {
    const bool both = of_answer && map.encrypted &&
                      std::ranges::any_of(offered, [&](const ExtMap& o) { return o.id == map.id && o.encrypted; });
    agreed |= both;
    if (both && watch != nullptr && structured(watch->elements[map.id])) bare = &map;
  }
  if (!secure || (!cryptex && !agreed)) {
    out.tally(kExtensionProtection, Verdict::kNotApplicable);
  } else if (cryptex && watch != nullptr && watch->one_byte + watch->two_byte != 0) {
    out.tally(kExtensionProtection, Verdict::kFail);
    out.add(kExtensionProtection,
            fmt::format("both sides said a=cryptex, yet {} packets from {} to {} carry clear header extensions",
                        watch->one_byte + watch->two_byte, record.src.to_string(), record.dst.to_string()),
            &call, entity + "|cryptex", {{watch->first_clear, "first such packet"}}, subject);
  } else if (bare != nullptr) {
    out.tally(kExtensionProtection, Verdict::kFail);
    out.add(kExtensionProtection,
            fmt::format("both sides agreed to encrypt header extension {}, yet its values from {} to {} are plainly "
                        "structured",
                        bare->id, record.src.to_string(), record.dst.to_string()),
            &call, entity + "|rfc6904", {{watch->elements[bare->id].first, "first such packet"}}, subject, {},
            Confidence::kProbable);
  } else {
    out.tally(kExtensionProtection, watch == nullptr ? Verdict::kNotAssessable : Verdict::kPass);
  }
}

namespace {

constexpr std::string_view kEventNames = "0123456789*#ABCD";

// High when four or more lie within a minute.
Severity severity_of_digits(const std::vector<SipDigit>& digits) {
  if (digits.size() == 1) return Severity::kLow;
  for (std::size_t i = 3; i < digits.size(); ++i) {
    if (seconds_between(digits[i - 3].frame.time, digits[i].frame.time) <= 60.0) return Severity::kHigh;
  }
  return Severity::kMedium;
}

void tell_digits(Findings& out, const Call* call, const std::vector<SipDigit>& digits, std::string_view how,
                 const Endpoint& src, const Endpoint& dst, Confidence confidence) {
  std::string shown;
  if (out.options().reveal) {
    shown = ": ";
    for (const SipDigit& digit : digits) shown += digit.digit;
  }
  out.tally(kDigits, Verdict::kFail);
  out.add(kDigits,
          fmt::format("{} keypad digit{} from {} to {} can be read ({}, {:.1f} s){}", digits.size(),
                      digits.size() == 1 ? "" : "s", src.to_string(), dst.to_string(), how,
                      seconds_between(digits.front().frame.time, digits.back().frame.time), shown),
          call, hosts(src, dst) + "|digits",
          {{digits.front().frame, "first digit"}, {digits.back().frame, "last digit"}},
          {{"source", src.to_string()}, {"destination", dst.to_string()}}, severity_of_digits(digits), confidence);
}

}  // namespace

// SRTP-035 in media. hints: empty for a stream without signalling.
void check_digits(Findings& out, const Call* call, const session::MediaStream& stream, std::span<const CodecHint> hints,
                  const StreamRecord& record) {
  const auto* state = static_cast<const StreamState*>(stream.attachment.get());
  const DigitWatch* watch = state != nullptr ? state->digits.get() : nullptr;
  const bool listed =
      std::ranges::any_of(hints, [](const CodecHint& h) { return iequals(h.encoding, "telephone-event"); });
  const bool tagged = state != nullptr && state->auth != nullptr && state->auth->valid_clear != 0;
  std::vector<SipDigit> digits;
  if (watch != nullptr) {
    for (const DigitWatch::Event& event : watch->events) {
      const bool named = std::ranges::any_of(hints, [&](const CodecHint& h) {
        return h.payload_type == event.payload_type && iequals(h.encoding, "telephone-event");
      });
      const bool likely =
          hints.empty() && event.payload_type == 101 && record.payload_types.count() > 1 && event.packets >= 3;
      if (!named && !likely) continue;
      if (event.size != 4 && !tagged) continue;
      // Beside encrypted audio a bare event is clear only if protection would have made it longer.
      if (record.observed == Observed::kEncrypted && !(record.authenticated || record.overhead.value_or(0) > 0))
        continue;
      digits.push_back({kEventNames[event.event], event.frame});
    }
  }
  if (!digits.empty() && record.observed != Observed::kUndetermined) {
    tell_digits(out, call, digits, "RFC 4733", record.src, record.dst,
                hints.empty() ? Confidence::kProbable : Confidence::kCertain);
  } else if (listed) {
    out.tally(kDigits, record.observed == Observed::kUndetermined ? Verdict::kNotAssessable : Verdict::kPass);
  } else {
    out.tally(kDigits, Verdict::kNotApplicable);
  }
}

// SRTP-035 in signalling.
void check_sip_digits(Findings& out, const Call* call, const CallSip& sip) {
  Call shadow;
  shadow.call_id = sip.call_id;
  for (const SipDigits& sender : sip.digits) {
    if (sender.encrypted || sender.digits.empty()) {
      out.tally(kDigits, Verdict::kPass);
      continue;
    }
    tell_digits(out, call != nullptr ? call : &shadow, sender.digits, sender.how, sender.src, sender.dst,
                Confidence::kCertain);
  }
}

}  // namespace voip::analyze::srtp
