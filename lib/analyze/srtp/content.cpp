#include "analyze/srtp/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "analyze/srtp/srtp_analyzer.h"

namespace voip::analyze::srtp {

namespace {

using report::RecordWriter;
using report::TextWriter;
using report::Tone;

constexpr std::size_t kMaxBlocks = 200;  // calls told one by one in the text
constexpr std::size_t kMaxOrphanLines = 100;
constexpr std::size_t kMaxPathLegs = 8;

Tone tone_of(Observed observed) {
  switch (observed) {
    case Observed::kCleartext: return Tone::kBad;
    case Observed::kEncrypted: return Tone::kGood;
    case Observed::kUndetermined: break;
  }
  return Tone::kWarn;
}

std::string_view words(Protection protection) {
  switch (protection) {
    case Protection::kClear: return "clear";
    case Protection::kEncrypted: return "encrypted";
    case Protection::kMixed: return "partly clear";
    case Protection::kUndetermined: return "undetermined";
    case Protection::kNoMedia: break;
  }
  return "no media";
}

Tone tone_of(Protection protection) {
  switch (protection) {
    case Protection::kClear:
    case Protection::kMixed: return Tone::kBad;
    case Protection::kEncrypted: return Tone::kGood;
    case Protection::kUndetermined: return Tone::kWarn;
    case Protection::kNoMedia: break;
  }
  return Tone::kFaint;
}

// A second of clear speech is clear speech, whatever the bulk is.
constexpr std::uint64_t kClearPackets = 50;
bool sent_clear(const StreamRecord& stream) {
  return stream.observed == Observed::kCleartext || stream.cleartext_packets >= kClearPackets;
}

// All legs of one call, over its B2BUAs.
struct Group {
  std::vector<const CallRecord*> calls;
  bool media = false;
  bool clear = false;
  bool encrypted = false;
  bool undetermined = false;
  bool lying = false;

  Protection protection() const {
    if (!media) return Protection::kNoMedia;
    if (clear) return encrypted ? Protection::kMixed : Protection::kClear;
    if (undetermined) return Protection::kUndetermined;
    return Protection::kEncrypted;
  }
};

std::map<std::size_t, Group> groups_of(const CallRecords& calls) {
  std::map<std::size_t, Group> groups;
  for (const CallRecord& call : calls) {
    Group& group = groups[call.group];
    group.calls.push_back(&call);
    for (const LegRecord& leg : call.legs) {
      for (const MediaRecord& media : leg.media) {
        for (const StreamRecord& stream : media.streams) {
          group.media = true;
          group.clear |= sent_clear(stream);
          group.encrypted |= stream.observed == Observed::kEncrypted;
          group.undetermined |= stream.observed == Observed::kUndetermined;
          group.lying |= sent_clear(stream) && stream.declared == Declared::kSrtp;
        }
      }
    }
  }
  return groups;
}

std::string join_schemes(const std::vector<Keying>& schemes) {
  if (schemes.empty()) return "none";
  std::string text;
  for (const Keying keying : schemes) {
    if (!text.empty()) text += '+';
    text += to_string(keying);
  }
  return text;
}

std::string plural(std::uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

void write_stream(RecordWriter& out, const StreamRecord& stream) {
  out.begin_object();
  out.field("ssrc", fmt::format("0x{:08x}", stream.ssrc));
  out.field("src", stream.src.to_string());
  out.field("dst", stream.dst.to_string());
  out.key("payload_types");
  out.begin_array();
  for (std::size_t i = 0; i < stream.payload_types.size(); ++i) {
    if (stream.payload_types.test(i)) out.value(std::uint64_t{i});
  }
  out.end_array();
  out.key("codec");
  if (stream.codec.empty()) {
    out.null();
  } else {
    out.value(stream.codec);
  }
  out.field("packets", stream.packets);
  out.field_time("first_time", stream.first.time);
  out.field_time("last_time", stream.last.time);
  out.field("declared", to_string(stream.declared));
  out.field("observed", to_string(stream.observed));
  out.field("proof", to_string(stream.proof));
  out.field("reason", stream.reason);
  out.field("cleartext_packets", stream.cleartext_packets);
  out.key("auth");
  if (stream.authenticated) {
    out.begin_object();
    out.field("checked", stream.checked);
    out.field("valid", stream.valid);
    out.key("failed_frames");
    out.begin_array();
    for (const std::uint64_t frame : stream.failed_frames) out.value(frame);
    out.end_array();
    out.end_object();
  } else {
    out.null();
  }
  out.key("rtcp");
  out.begin_object();
  out.field("packets", stream.rtcp_packets);
  out.field("observed", to_string(stream.rtcp_observed));
  out.end_object();
  out.end_object();
}

void write_text_or_null(RecordWriter& out, std::string_view key, const std::string& text) {
  out.key(key);
  if (text.empty()) {
    out.null();
  } else {
    out.value(text);
  }
}

void write_leg(RecordWriter& out, const CallRecord& call, const LegRecord& leg, const std::string& group) {
  out.begin_object();
  out.field("call_id", call.call_id);
  out.field("group", group);
  out.field("from", call.from);
  out.field("to", call.to);
  out.field_time("start", call.first.time);
  out.field_time("end", call.end);
  out.field("signalling", dissect::to_string(leg.signalling));
  out.field("frame", call.first.number);
  out.key("media");
  out.begin_array();
  for (const MediaRecord& media : leg.media) {
    out.begin_object();
    out.field("kind", media.kind);
    out.key("offered");
    out.begin_array();
    if (media.offered.empty()) out.value("none");
    for (const Keying keying : media.offered) out.value(to_string(keying));
    out.end_array();
    out.field("negotiated", to_string(media.negotiated));
    out.field("profile", media.profile);
    write_text_or_null(out, "suite", media.suite);
    write_text_or_null(out, "parameters", media.parameters);
    out.key("streams");
    out.begin_array();
    for (const StreamRecord& stream : media.streams) write_stream(out, stream);
    out.end_array();
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

void text_stream(TextWriter& out, const StreamRecord& stream, unsigned indent) {
  out.begin_line(indent);
  out.put(fmt::format("{} > {}", stream.src.to_string(), stream.dst.to_string()));
  out.column(54);
  out.put(stream.codec.empty() ? std::string("?") : stream.codec);
  out.column(63);
  out.put(plural(stream.packets, "packet", "packets"));
  out.column(78);
  out.put(to_string(stream.observed), tone_of(stream.observed));
  if (stream.proof != Strength::kNone) out.put(fmt::format(" ({})", to_string(stream.proof)));
  if (stream.observed == Observed::kEncrypted && stream.cleartext_packets != 0) {
    out.put(fmt::format(", {} clear", stream.cleartext_packets), Tone::kBad);
  }
  if (stream.authenticated) {
    out.put(fmt::format("  tags {}/{}", stream.valid, stream.checked),
            stream.valid == stream.checked ? Tone::kGood : Tone::kWarn);
  }
  if (stream.rtcp_packets != 0) {
    out.put("  rtcp ");
    const bool bad = stream.rtcp_observed == RtcpObserved::kCleartext || stream.rtcp_observed == RtcpObserved::kMixed;
    out.put(to_string(stream.rtcp_observed),
            bad && stream.observed == Observed::kEncrypted ? Tone::kWarn : Tone::kPlain);
  }
  out.end_line();
  out.begin_line(indent + 1);
  out.put(stream.reason, Tone::kFaint);
  out.end_line();
}

std::string leg_ends(const LegRecord& leg) {
  for (const MediaRecord& media : leg.media) {
    for (const StreamRecord& stream : media.streams) {
      const bool from_caller = stream.src.address == leg.caller_hop.address;
      const Endpoint& a = from_caller ? stream.src : stream.dst;
      const Endpoint& b = from_caller ? stream.dst : stream.src;
      return a.address.to_string() + " - " + b.address.to_string();
    }
  }
  return leg.caller_hop.address.to_string() + " - " + leg.callee_hop.address.to_string();
}

// The first legs of a call, from the caller on: a leg comes after the one that reaches its host.
std::vector<const LegRecord*> path_of(const Group& group) {
  std::vector<const LegRecord*> rest;
  for (const CallRecord* call : group.calls) {
    for (const LegRecord& leg : call->legs) {
      if (rest.size() < kMaxPathLegs) rest.push_back(&leg);
    }
  }
  std::vector<const LegRecord*> path;
  while (!rest.empty()) {
    const auto leads_to = [&](const LegRecord* leg) {
      return std::ranges::any_of(rest, [&](const LegRecord* other) {
        return other != leg && other->callee_hop.address == leg->caller_hop.address &&
               other->caller_hop.address != leg->callee_hop.address;
      });
    };
    auto next = std::ranges::find_if_not(rest, leads_to);
    if (next == rest.end()) next = rest.begin();
    path.push_back(*next);
    rest.erase(next);
  }
  return path;
}

void text_group(TextWriter& out, const Group& group) {
  const CallRecord& first = *group.calls.front();
  out.begin_line(0);
  out.put(out.time(first.first.time), Tone::kFaint);
  out.put("  ");
  out.put(first.from.empty() ? std::string("?") : first.from, Tone::kStrong);
  out.put(" > ");
  out.put(first.to.empty() ? std::string("?") : first.to, Tone::kStrong);
  if (first.answered.known() && first.end.known()) {
    out.put(fmt::format("  {:.1f} s", seconds_between(first.answered, first.end)));
  } else if (first.final_status >= 300) {
    out.put(fmt::format("  not answered ({})", first.final_status));
  }
  out.end_line();

  // The path: each leg with what protects it.
  std::size_t legs = 0;
  for (const CallRecord* call : group.calls) legs += call->legs.size();
  if (legs > 1) {
    out.begin_line(1);
    out.put("path  ");
    bool begun = false;
    for (const LegRecord* leg : path_of(group)) {
      if (begun) out.put("  |  ", Tone::kFaint);
      begun = true;
      out.put(leg_ends(*leg) + " ");
      out.put(words(leg->protection), tone_of(leg->protection));
    }
    if (legs > kMaxPathLegs) out.put(fmt::format("  |  and {} more", legs - kMaxPathLegs), Tone::kFaint);
    out.end_line();
  }
  for (const CallRecord* call : group.calls) {
    out.begin_line(1);
    out.put(fmt::format("Call-ID {}", call->call_id), Tone::kFaint);
    out.end_line();
    for (const LegRecord& leg : call->legs) {
      for (const MediaRecord& media : leg.media) {
        out.begin_line(1);
        out.put(fmt::format("{} over {}: offered {}, negotiated ",
                            media.kind.empty() ? std::string("media") : media.kind, dissect::to_string(leg.signalling),
                            join_schemes(media.offered)));
        const bool none = media.negotiated == Keying::kNone;
        out.put(to_string(media.negotiated), none && !media.streams.empty() ? Tone::kWarn : Tone::kPlain);
        if (!media.profile.empty()) out.put(", " + media.profile);
        if (!media.suite.empty()) out.put(", " + media.suite);
        if (!media.parameters.empty()) out.put(" " + media.parameters);
        if (media.streams.empty()) out.put("; no media seen", Tone::kFaint);
        out.end_line();
        for (const StreamRecord& stream : media.streams) text_stream(out, stream, 2);
      }
    }
  }
}

// What to leave out first when there are many calls: those with nothing to tell.
bool remarkable(const Group& group) {
  const Protection protection = group.protection();
  return protection == Protection::kClear || protection == Protection::kMixed ||
         protection == Protection::kUndetermined || group.lying;
}

}  // namespace

Summary summarize(const CallRecords& calls, const std::vector<StreamRecord>& orphans) {
  // One byte of flags for each group, at the index of its first call.
  enum : std::uint8_t { kMedia = 1, kClear = 2, kUndetermined = 4, kLying = 8, kLeads = 16, kTalked = 32 };
  std::vector<std::uint8_t> groups(calls.size(), 0);
  for (const CallRecord& call : calls) {
    std::uint8_t flags = kLeads;
    for (const LegRecord& leg : call.legs) {
      for (const MediaRecord& media : leg.media) {
        for (const StreamRecord& stream : media.streams) {
          flags |= kMedia;
          if (sent_clear(stream)) flags |= stream.declared == Declared::kSrtp ? kClear | kLying : kClear;
          if (stream.observed == Observed::kUndetermined) flags |= kUndetermined;
        }
      }
    }
    // A capture that begins later does not show the answer.
    if (call.answered.known() || call.final_status < 300) flags |= kTalked;
    groups[call.group] |= flags;
  }
  Summary summary;
  for (const std::uint8_t flags : groups) {
    if ((flags & kLeads) == 0) continue;
    ++summary.calls;
    if ((flags & kMedia) == 0) continue;
    if ((flags & kTalked) == 0) {
      ++summary.unanswered;
      summary.unanswered_clear += (flags & kClear) != 0 ? 1U : 0U;
      continue;
    }
    ++summary.with_media;
    if ((flags & kClear) != 0) {
      ++summary.clear;
      summary.lying += (flags & kLying) != 0 ? 1U : 0U;
    } else if ((flags & kUndetermined) != 0) {
      ++summary.undetermined;
    } else {
      ++summary.encrypted;
    }
  }
  summary.orphans = orphans.size();
  for (const StreamRecord& stream : orphans) {
    summary.orphans_clear += stream.observed == Observed::kCleartext ? 1U : 0U;
    summary.orphans_encrypted += stream.observed == Observed::kEncrypted ? 1U : 0U;
  }
  return summary;
}

SrtpContent::SrtpContent(CallRecords calls, std::vector<StreamRecord> orphans)
    : calls_(std::move(calls)), orphans_(std::move(orphans)), summary_(summarize(calls_, orphans_)) {}

std::string SrtpContent::headline() const {
  const Summary& s = summary_;
  std::string text;
  if (s.calls == 0) {
    text = "no call was seen";
  } else if (s.with_media == 0 && s.unanswered != 0) {
    text = fmt::format("{}, none of them answered", plural(s.calls, "call", "calls"));
    if (s.calls == 1) text = "1 call, and it was not answered";
  } else if (s.with_media == 0) {
    text = fmt::format("{}, but no media of {}", plural(s.calls, "call", "calls"), s.calls == 1 ? "it" : "them");
  } else if (s.clear != 0) {
    text = fmt::format("{} of {} sent clear media", s.clear, plural(s.with_media, "call", "calls"));
    if (s.lying != 0) text += fmt::format("; {} of {} although SRTP was negotiated", s.lying, s.clear);
    if (s.undetermined != 0) text += fmt::format("; {} could not be determined", s.undetermined);
  } else if (s.undetermined != 0) {
    text = fmt::format("{} of {} could not be determined, the rest sent encrypted media", s.undetermined,
                       plural(s.with_media, "call", "calls"));
    if (s.encrypted == 0)
      text = fmt::format("whether the media of {} was encrypted could not be determined",
                         plural(s.with_media, "call", "calls"));
  } else {
    text = fmt::format("all media of {} was encrypted", plural(s.with_media, "call", "calls"));
  }
  const std::uint64_t silent = s.calls - s.with_media - s.unanswered;
  if (s.with_media != 0 && silent != 0) text += fmt::format(" ({} more without media in view)", silent);
  if (s.unanswered != 0) {
    text += fmt::format("; {} never answered had {}early media", plural(s.unanswered, "call", "calls"),
                        s.unanswered_clear == s.unanswered ? "clear " : "");
    if (s.unanswered_clear != 0 && s.unanswered_clear != s.unanswered)
      text += fmt::format(", {} of them in clear", s.unanswered_clear);
  }
  if (s.orphans != 0) {
    text += fmt::format("; {} without signalling: {} clear, {} encrypted", plural(s.orphans, "stream", "streams"),
                        s.orphans_clear, s.orphans_encrypted);
    const std::uint64_t rest = s.orphans - s.orphans_clear - s.orphans_encrypted;
    if (rest != 0) text += fmt::format(", {} undetermined", rest);
  }
  return text;
}

void SrtpContent::write_sections(RecordWriter& out) const {
  out.key("calls");
  out.begin_array();
  for (const CallRecord& call : calls_) {
    for (const LegRecord& leg : call.legs) write_leg(out, call, leg, calls_[call.group].call_id);
    if (call.legs.empty()) write_leg(out, call, LegRecord{}, calls_[call.group].call_id);
  }
  out.end_array();
  out.key("orphan_streams");
  out.begin_array();
  for (const StreamRecord& stream : orphans_) write_stream(out, stream);
  out.end_array();
}

void SrtpContent::write_text(TextWriter& out) const {
  const auto groups = groups_of(calls_);
  const bool many = groups.size() > kMaxBlocks;
  std::size_t told = 0;
  std::size_t left_out = 0;
  if (!groups.empty()) out.heading("Calls");
  for (const auto& [index, group] : groups) {
    if ((many && !remarkable(group)) || told >= kMaxBlocks) {
      ++left_out;
      continue;
    }
    if (told++ != 0) out.blank();
    text_group(out, group);
  }
  if (left_out != 0) {
    out.blank();
    out.begin_line(0);
    out.put(fmt::format("... and {} not listed here; --format json tells them all", plural(left_out, "call", "calls")),
            Tone::kFaint);
    out.end_line();
  }
  if (orphans_.empty()) return;
  out.heading("Streams without signalling");
  for (std::size_t i = 0; i < orphans_.size() && i < kMaxOrphanLines; ++i) text_stream(out, orphans_[i], 0);
  if (orphans_.size() > kMaxOrphanLines) {
    out.begin_line(0);
    out.put(fmt::format("... and {} more", orphans_.size() - kMaxOrphanLines), Tone::kFaint);
    out.end_line();
  }
}

}  // namespace voip::analyze::srtp
