#include "analyze/timeline/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "proto/sip/fields.h"

namespace voip::analyze::timeline {

namespace {

constexpr std::int64_t kRunGapNs = 60 * kNsPerSecond;
constexpr std::size_t kRun = 10;  // failed calls of one address that follow each other closely: told as one event

// Which event of which thing comes when. Small: there may be a million.
struct Place {
  FrameRef frame;
  EventKind kind = EventKind::kAnomaly;
  std::uint32_t index = 0;
  bool of_call = false;
};

// Runs of failed calls: the index of the run's first call for each member, kAlone for all others.
constexpr std::uint32_t kAlone = 0xffffffff;
struct Run {
  std::uint64_t count = 0;
  FrameRef last;
};

std::vector<std::uint32_t> failed_runs(const Record& record, const std::vector<std::size_t>& calls,
                                       std::map<std::uint32_t, Run>& runs) {
  std::vector<std::uint32_t> lead(record.calls.size(), kAlone);
  struct Open {
    std::vector<std::uint32_t> first;  // until there are kRun of them
    std::uint32_t lead = kAlone;
    Timestamp last;
    std::uint64_t count = 0;
  };
  std::map<IpAddress, Open> open;
  for (const std::size_t i : calls) {
    const CallRecord& call = record.calls[i];
    if (call.answered() || call.cancelled || call.hops.empty()) continue;
    Open& run = open[call.actor()];
    const Timestamp at = call.begin().time;
    if (run.count != 0 && later_by(run.last, at, std::chrono::nanoseconds{kRunGapNs})) run = {};
    run.last = at;
    const auto index = static_cast<std::uint32_t>(i);
    if (++run.count < kRun) {
      run.first.push_back(index);
      continue;
    }
    if (run.count == kRun) {
      run.lead = run.first.front();
      for (const std::uint32_t member : run.first) lead[member] = run.lead;
      run.first.clear();
    }
    lead[index] = run.lead;
    Run& told = runs[run.lead];
    told.count = run.count;
    told.last = call.end.known() ? call.end : call.last;
  }
  return lead;
}

std::string_view or_unknown(std::string_view text) { return text.empty() ? std::string_view{"?"} : text; }

// A Reason header in words (RFC 3326): "Q.850 cause 16, Normal call clearing". What people need is often in one half.
std::string reason_text(std::string_view header) {
  std::string_view reason;
  sip::for_each_value(header, [&reason](std::string_view value) {
    if (reason.empty()) reason = trim(value);
  });
  const std::size_t end = reason.find(';');
  const std::string_view protocol = trim(reason.substr(0, end));
  if (protocol.empty() || end == std::string_view::npos) return std::string(protocol);
  const std::string_view params = reason.substr(end);
  const auto cause = sip::parameter(params, "cause");
  const auto words = sip::parameter(params, "text");
  const bool plain = words && words->find_first_not_of("0123456789() ") != std::string_view::npos;
  std::string text{protocol};
  if (cause) text += fmt::format(" cause {}", trim(*cause));
  if (plain) text += fmt::format("{}{}", cause ? ", " : ": ", trim(*words));
  return text;
}

std::string hung_up_text(const Record& record, const CallRecord& call) {
  std::string text;
  if (call.hung_up == HungUp::kNobody) return "its end was not seen";
  text = call.hung_up == HungUp::kCaller ? "the caller hung up" : "the callee hung up";
  if (const std::string why = reason_text(record.names.text(call.reason)); !why.empty()) text += " (" + why + ")";
  return text;
}

std::string media_text(const Record& record, const CallRecord& call) {
  switch (call.media) {
    case Media::kNotCaptured: return "media is not in this capture";
    case Media::kNone: return "no media was seen";
    case Media::kOneWay:
    case Media::kTwoWay: break;
  }
  std::string codecs;
  for (const StreamRecord& stream : call.streams) {
    const std::string_view codec = record.names.text(stream.codec);
    if (codec.empty() || codecs.find(codec) != std::string::npos) continue;
    codecs += codecs.empty() ? "" : "+";
    codecs += codec;
  }
  return fmt::format("media {}{}{}", call.media == Media::kTwoWay ? "both ways" : "ONE WAY only",
                     codecs.empty() ? "" : ", ", codecs);
}

std::string call_text(const Record& record, const CallRecord& call, EventKind kind) {
  const std::string_view caller = or_unknown(record.caller_of(call));
  const std::string_view callee = or_unknown(record.callee_of(call));
  switch (kind) {
    case EventKind::kCallStart: {
      const HopRecord* hop = call.hops.empty() ? nullptr : &call.hops.front();
      return fmt::format("{} calls {}{}", caller, callee,
                         hop == nullptr ? ""
                                        : fmt::format(" ({} to {}, {})", hop->from.to_string(), hop->to.to_string(),
                                                      dissect::to_string(hop->signalling)));
    }
    case EventKind::kCallAnswer:
      return fmt::format("{} answered {}{}", callee, caller,
                         call.invite.known()
                             ? " after " + duration_text(seconds_between(call.invite.time, call.answer.time))
                             : std::string());
    case EventKind::kCallEnd:
      return fmt::format(
          "call of {} with {} ended{}; {}", caller, callee,
          call.answered() ? " after " + duration_text(seconds_between(call.answer.time, call.end.time)) : std::string(),
          hung_up_text(record, call));
    case EventKind::kCallFailed:
      return fmt::format(
          "call of {} to {} {}", caller, callee,
          call.cancelled && call.status == 487 ? "was given up by the caller" : "failed: " + status_text(call.status));
    case EventKind::kMedia: return fmt::format("{} with {}: {}", caller, callee, media_text(record, call));
    default: return {};
  }
}

FrameRef media_frame(const CallRecord& call) {
  FrameRef first;
  for (const StreamRecord& stream : call.streams) {
    if (!first.known() || stream.first < first) first = stream.first;
  }
  return first;
}

}  // namespace

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string duration_text(double seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  if (whole < 48 * 3600) return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} days {} h", whole / 86400, whole % 86400 / 3600);
}

std::string status_text(unsigned status) {
  std::string_view words;
  switch (status) {
    case 0: return "no final answer";
    case 400: words = "bad request"; break;
    case 401: words = "credentials asked for, none that fit came"; break;
    case 402: words = "payment required"; break;
    case 403: words = "forbidden"; break;
    case 404: words = "not found"; break;
    case 407: words = "credentials asked for, none that fit came"; break;
    case 408: words = "timed out"; break;
    case 410: words = "gone"; break;
    case 480: words = "not reachable"; break;
    case 481: words = "no such call"; break;
    case 483: words = "too many hops"; break;
    case 484: words = "number incomplete"; break;
    case 486: words = "busy"; break;
    case 487: words = "cancelled"; break;
    case 488: words = "media not acceptable"; break;
    case 500: words = "server error"; break;
    case 502: words = "bad gateway"; break;
    case 503: words = "service unavailable"; break;
    case 504: words = "server timed out"; break;
    case 600: words = "busy everywhere"; break;
    case 603: words = "declined"; break;
    case 604: words = "does not exist"; break;
    case 607: words = "unwanted"; break;
    case 608: words = "rejected"; break;
    default: break;
  }
  return words.empty() ? fmt::format("{}", status) : fmt::format("{} {}", status, words);
}

std::string sum_up(const Record& record, const CallRecord& call) {
  if (!call.answered()) {
    if (call.cancelled) return fmt::format("given up by the caller ({})", status_text(call.status));
    return call.hung_up == HungUp::kNobody ? status_text(call.status)
                                           : "began before the capture; " + hung_up_text(record, call);
  }
  std::string text;
  if (call.invite.known()) {
    text = fmt::format("answered after {}, ", duration_text(seconds_between(call.invite.time, call.answer.time)));
  }
  if (call.hung_up != HungUp::kNobody) {
    text += fmt::format("lasted {}, ", duration_text(seconds_between(call.answer.time, call.end.time)));
  }
  return text + hung_up_text(record, call) + "; " + media_text(record, call);
}

std::string_view Record::callee_of(const CallRecord& call) const {
  if (const std::string_view dialled = names.text(call.dialled); !dialled.empty()) return dialled;
  const std::string_view user = user_of(names.text(call.to));
  return user.empty() ? names.text(call.to) : user;
}

std::string_view Record::caller_of(const CallRecord& call) const {
  const std::string_view user = user_of(names.text(call.from));
  return user.empty() ? names.text(call.from) : user;
}

bool Record::wants(const Narrow& narrow, const CallRecord& call) const {
  if (narrow.everything() || narrow.wants_call_id(call.call_id)) return true;
  for (const std::uint32_t name : {call.from, call.to, call.dialled}) {
    if (narrow.wants_user(names.text(name))) return true;
  }
  for (const HopRecord& hop : call.hops) {
    if (narrow.wants_address(hop.from.address) || narrow.wants_address(hop.to.address)) return true;
  }
  return std::ranges::any_of(call.streams, [&narrow](const StreamRecord& stream) {
    return narrow.wants_address(stream.src.address) || narrow.wants_address(stream.dst.address);
  });
}

std::vector<std::size_t> Record::wanted_calls(const Narrow& narrow) const {
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (wants(narrow, calls[i])) wanted.push_back(i);
  }
  return wanted;
}

void Record::tell(const Narrow& narrow, const std::function<void(const Told&)>& each) const {
  const std::vector<std::size_t> chosen = wanted_calls(narrow);
  std::map<std::uint32_t, Run> runs;
  const std::vector<std::uint32_t> lead = failed_runs(*this, chosen, runs);
  std::vector<Place> places;
  for (const std::size_t i : chosen) {
    const CallRecord& call = calls[i];
    const auto index = static_cast<std::uint32_t>(i);
    const auto place = [&](FrameRef frame, EventKind kind) {
      if (frame.known()) places.push_back({frame, kind, index, true});
    };
    if (lead[i] != kAlone) {
      if (lead[i] == index) place(call.begin(), EventKind::kProbe);
      continue;
    }
    place(call.invite, EventKind::kCallStart);
    if (call.answered()) {
      place(call.answer, EventKind::kCallAnswer);
      place(media_frame(call), EventKind::kMedia);
    }
    if (call.hung_up != HungUp::kNobody) {
      place(call.end, EventKind::kCallEnd);
    } else if (call.failed()) {
      place(call.end.known() ? call.end : call.last, EventKind::kCallFailed);
    }
  }
  for (std::size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    if (!narrow.everything() && !narrow.wants_address(event.actor) && !narrow.wants_user(names.text(event.subject)) &&
        !narrow.wants_call_id(names.text(event.call_id)))
      continue;
    places.push_back({event.first, event.kind, static_cast<std::uint32_t>(i), false});
  }
  std::ranges::sort(places, [](const Place& a, const Place& b) {
    if (const auto c = a.frame <=> b.frame; c != 0) return c < 0;
    if (a.kind != b.kind) return a.kind < b.kind;
    return a.of_call != b.of_call ? a.of_call : a.index < b.index;
  });
  for (const Place& place : places) {
    Told told;
    told.kind = place.kind;
    told.frame = told.last = place.frame;
    if (!place.of_call) {
      const Event& event = events[place.index];
      told.last = event.last;
      told.count = event.count;
      told.actor = event.actor;
      told.subject = names.text(event.subject);
      told.call_id = names.text(event.call_id);
      told.text = event.text;
      told.covered = event.covered;
      each(told);
      continue;
    }
    const CallRecord& call = calls[place.index];
    told.call = place.index;
    told.call_id = call.call_id;
    told.actor = call.actor();
    told.subject = callee_of(call);
    if (place.kind == EventKind::kProbe) {
      const Run& run = runs[place.index];
      told.count = run.count;
      told.last = run.last;
      told.text = fmt::format("{} calls in a row that were not answered, the first of {} to {}: {}", run.count,
                              or_unknown(caller_of(call)), or_unknown(told.subject), status_text(call.status));
    } else {
      told.text = call_text(*this, call, place.kind);
      if (place.kind == EventKind::kCallAnswer ||
          (place.kind == EventKind::kCallEnd && call.hung_up == HungUp::kCallee)) {
        if (!call.hops.empty()) told.actor = call.hops.back().to.address;
      }
    }
    each(told);
  }
}

}  // namespace voip::analyze::timeline
