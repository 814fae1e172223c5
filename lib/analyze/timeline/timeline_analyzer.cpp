#include "analyze/timeline/timeline_analyzer.h"

#include <fmt/format.h>

#include <algorithm>

#include "analyze/timeline/actor_log.h"
#include "analyze/timeline/call_book.h"
#include "analyze/timeline/checks.h"
#include "analyze/timeline/clock_watch.h"
#include "analyze/timeline/date_watch.h"
#include "analyze/timeline/event_log.h"
#include "analyze/timeline/loss_watch.h"
#include "analyze/timeline/registration_book.h"
#include "analyze/timeline/story_events.h"
#include "analyze/timeline/stream_state.h"
#include "base/text.h"
#include "proto/sip/fields.h"

namespace voip::analyze::timeline {

using sip::Method;

struct TimelineAnalyzer::Impl {
  Impl(const Options& o, report::Sink& s)
      : options(o),
        sink(s),
        calls({.calls = o.most_calls, .steps = o.most_steps}, record.names, record.call_ids),
        log(o.most_events, record.names),
        registrations(log, record.names),
        actors(1U << 17, record.names),
        fraud(o.fraud, s) {}

  Options options;
  report::Sink& sink;
  Record record;
  CallBook calls;
  EventLog log;
  RegistrationBook registrations;
  ActorLog actors;
  ClockWatch clock_watch;
  DateWatch dates;
  LossWatch losses;
  fraud::FraudAnalyzer fraud;

  void note_time(Timestamp time) {
    if (!time.known()) return;
    if (!record.first.known() || time < record.first) record.first = time;
    if (!record.last.known() || time > record.last) record.last = time;
  }

  void on_message(const dissect::SipEvent& event, const session::Call* call) {
    note_time(event.frame.time);
    clock_watch.on_message(event);
    dates.on_message(event);
    if (call != nullptr) calls.on_message(event, *call);
    const sip::MessageView& message = *event.message;
    if (!message.is_request) return;
    if (message.method == Method::kRegister) {
      const auto is_via = [](const sip::Header& header) { return header.id == sip::HeaderId::kVia; };
      if (std::ranges::count_if(message.headers, is_via) == 1)
        registrations.on_first_hop(message.call_id, message.cseq_number, message.header(sip::HeaderId::kAuthorization),
                                   event.frame.time);
    } else if (message.method == Method::kRefer) {
      log.add({.kind = EventKind::kTransfer,
               .first = event.frame,
               .actor = event.src.address,
               .subject = record.names.id(user_of(uri_in(message.header(sip::HeaderId::kReferTo)))),
               .call_id = record.names.id(message.call_id.substr(0, 256)),
               .text = fmt::format("{} asks {} to call {}", name_of(message.from), name_of(message.to),
                                   name_of(message.header(sip::HeaderId::kReferTo)))});
    } else if (message.method == Method::kMessage) {
      log.add({.kind = EventKind::kMessage,
               .first = event.frame,
               .actor = event.src.address,
               .subject = record.names.id(user_of(uri_in(message.to))),
               .text = fmt::format("{} sends a text message to {}", name_of(message.from), name_of(message.to))});
    }
  }

  static std::string_view uri_in(std::string_view name_addr) {
    const auto parsed = sip::parse_name_addr(name_addr.substr(0, 512));
    return parsed ? parsed->uri : std::string_view{};
  }
  static std::string_view name_of(std::string_view name_addr) {
    const std::string_view uri = uri_in(name_addr);
    const std::string_view user = user_of(uri);
    return user.empty() ? (uri.empty() ? std::string_view{"?"} : uri) : user;
  }

  static std::string_view direction_word(sdp::Direction direction) {
    switch (direction) {
      case sdp::Direction::kSendRecv: return "both ways";
      case sdp::Direction::kSendOnly: return "send only";
      case sdp::Direction::kRecvOnly: return "receive only";
      case sdp::Direction::kInactive: return "inactive";
    }
    return "";
  }

  // What a later offer and answer changed against the one before it.
  void on_offer_answer(const session::Call& call, const session::DialogLeg& dialog, std::size_t index) {
    if (index == 0 || dialog.hop != 0) return;
    const session::Exchange& now = dialog.exchanges[index];
    const session::Exchange& before = dialog.exchanges[index - 1];
    if (!now.complete() || !before.complete()) return;
    const auto& a = before.offer.sdp->media();
    const auto& b = now.offer.sdp->media();
    if (a.empty() || b.empty()) return;
    std::string change;
    const session::MediaLine& old_line = a.front();
    const session::MediaLine& new_line = b.front();
    const bool held = new_line.direction != sdp::Direction::kSendRecv || new_line.rtp.address.unspecified();
    const bool was_held = old_line.direction != sdp::Direction::kSendRecv || old_line.rtp.address.unspecified();
    if (held != was_held) {
      change =
          held ? fmt::format("put on hold ({})", direction_word(new_line.direction)) : std::string("taken off hold");
    } else if (b.size() > a.size()) {
      change = fmt::format("{} was added", b.back().kind);
    } else if (old_line.protocol != new_line.protocol) {
      change = fmt::format("media profile changed from {} to {}", old_line.protocol, new_line.protocol);
    } else if (before.offer.from_caller == now.offer.from_caller && old_line.rtp != new_line.rtp) {
      change = fmt::format("media moved from {} to {}", old_line.rtp.to_string(), new_line.rtp.to_string());
    }
    if (change.empty()) return;
    const session::Hop& hop = call.hops[dialog.hop];
    log.add({.kind = EventKind::kCallChange,
             .first = now.offer.frame,
             .actor = (now.offer.from_caller ? hop.caller_side : hop.callee_side).address,
             .subject = record.names.id(user_of(call.to)),
             .call_id = record.names.id(call.call_id.substr(0, 256)),
             .text = fmt::format("call of {} with {}: {} by {}", user_of(call.from), user_of(call.to), change,
                                 now.offer.from_caller ? "the caller" : "the callee")});
  }
};

TimelineAnalyzer::TimelineAnalyzer(const Options& options, report::Sink& sink)
    : impl_(std::make_unique<Impl>(options, sink)) {}
TimelineAnalyzer::~TimelineAnalyzer() = default;

void TimelineAnalyzer::on_message(const dissect::SipEvent& event, const session::Call* call) {
  impl_->on_message(event, call);
  impl_->fraud.on_message(event, call);
}
void TimelineAnalyzer::on_copy(const dissect::SipEvent& event) { impl_->clock_watch.on_message(event); }
void TimelineAnalyzer::on_offer_answer(const session::Call& call, const session::DialogLeg& dialog, std::size_t index) {
  impl_->on_offer_answer(call, dialog, index);
  impl_->fraud.on_offer_answer(call, dialog, index);
}
void TimelineAnalyzer::on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event) {
  impl_->calls.on_rtp();
  impl_->note_time(event.datagram->frame.time);
  impl_->losses.on_rtp(stream, event);
  const FraudsTurn turn{stream};
  impl_->fraud.on_rtp(stream, event);
}
void TimelineAnalyzer::on_rtcp(session::RtcpFlow& flow, const dissect::MediaEvent& event) {
  impl_->dates.on_rtcp(event);
  impl_->fraud.on_rtcp(flow, event);
}
void TimelineAnalyzer::on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& rtcp) {
  const FraudsTurn turn{stream};
  impl_->fraud.on_orphan_end(stream, rtcp);
}
void TimelineAnalyzer::on_transaction(const session::Transaction& transaction) {
  impl_->registrations.on_transaction(transaction);
  impl_->actors.on_transaction(transaction);
  impl_->fraud.on_transaction(transaction);
}
void TimelineAnalyzer::on_registration(const session::RegistrationChange& change) {
  impl_->registrations.on_registration(change);
  impl_->fraud.on_registration(change);
}
void TimelineAnalyzer::on_tls(const dissect::TlsFlow& flow) { impl_->fraud.on_tls(flow); }
void TimelineAnalyzer::on_other_stream(const dissect::OtherStream& stream) { impl_->fraud.on_other_stream(stream); }
void TimelineAnalyzer::on_call_end(session::Call& call) {
  impl_->calls.on_call_end(call);
  std::vector<FraudsTurn> turns;
  turns.reserve(call.streams.size());
  for (const auto& stream : call.streams) turns.emplace_back(*stream);
  impl_->fraud.on_call_end(call);
}

std::vector<std::pair<std::string, std::uint64_t>> TimelineAnalyzer::dropped() const {
  std::vector<std::pair<std::string, std::uint64_t>> list;
  const auto add = [&list](std::string name, std::uint64_t count) {
    if (count != 0) list.emplace_back(std::move(name), count);
  };
  add("timeline-calls", impl_->calls.dropped());
  add("timeline-events", impl_->log.dropped());
  add("timeline-actors", impl_->actors.dropped());
  for (const auto& [table, count] : impl_->fraud.dropped()) add(table, count);
  return list;
}

std::shared_ptr<const TimelineContent> TimelineAnalyzer::finish(Facts facts) {
  Record& record = impl_->record;
  record.calls = impl_->calls.finish();
  record.registered_accounts = impl_->registrations.accounts();
  record.registrations = impl_->registrations.accepted();
  record.refused_registrations = impl_->registrations.refused();
  const std::vector<Track> tracks = impl_->actors.finish();
  (void)impl_->fraud.finish();
  // What is left where clocks were corrected is told too.
  for (ClockOffset& offset : impl_->clock_watch.finish()) facts.offsets.push_back(std::move(offset));

  StoryOptions options;
  options.join_hours = impl_->options.fraud.limits.join_hours;
  const fraud::Site& site = impl_->fraud.site();
  const fraud::CallTable& calls = impl_->fraud.calls();
  options.trusted = [&site, &calls](const IpAddress& address) {
    return site.peers.contains(address) || site.monitors.contains(address) || calls.peer(address);
  };
  Story story = tell_story(impl_->fraud.incidents(), tracks, record, options);

  std::vector<Clock> clocks;
  std::string assumption;
  if (story.campaign && story.campaign->decisive.known()) {
    const Timestamp start = impl_->options.aware_at.known() ? impl_->options.aware_at : record.last;
    assumption = fmt::format("Counted from {}, {}.", format_utc(start, 0),
                             impl_->options.aware_at.known() ? "when it became known (--aware-at)"
                                                             : "the end of the capture, as if it became known then");
    for (const Deadline& row : impl_->options.deadlines) clocks.push_back({row, start, row.due(start)});
  }
  report_story(story, record, clocks, assumption, impl_->sink);
  facts.media_holes = impl_->losses.finish();
  facts.more_media_holes = impl_->losses.more();
  for (DateOffset& date : impl_->dates.finish()) facts.dates.push_back(std::move(date));
  report_facts(facts, record, impl_->sink);
  record.events = impl_->log.finish();
  add_story_events(story, facts, record);
  return std::make_shared<TimelineContent>(impl_->options.show, std::move(record), std::move(story), std::move(clocks),
                                           std::move(assumption), std::move(facts));
}

}  // namespace voip::analyze::timeline
