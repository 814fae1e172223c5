#include "analyze/fraud/calls.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "proto/sip/fields.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::size_t kMaxText = 128;
constexpr std::size_t kMaxHops = 24;
constexpr std::size_t kMaxLinks = 16;
constexpr std::int64_t kReuseNs = 40 * kNsPerSecond;  // 64 x T1 and some: the same Call-ID later is another call

std::string_view cut(std::string_view text) { return text.substr(0, kMaxText); }

// The user part of a name-addr or URI.
std::string_view user_in(std::string_view value) {
  if (value.empty()) return {};
  const auto address = sip::parse_name_addr(value);
  return cut(session::user_of(address ? address->uri : value));
}

}  // namespace

std::string_view to_string(CallDirection direction) {
  switch (direction) {
    case CallDirection::kInternal: return "internal";
    case CallDirection::kOutbound: return "outbound";
    case CallDirection::kInbound: return "inbound";
    case CallDirection::kTransit: return "transit";
    case CallDirection::kUnknown: break;
  }
  return "unknown";
}

const CallHop& CallRecord::exit() const {
  // Answers travel towards the caller: the hop that saw one first lies deepest.
  const auto earlier = [](const SmallFrame& a, const SmallFrame& b) { return a.known() && (!b.known() || a < b); };
  const CallHop* best = &hops.front();
  for (const CallHop& hop : hops) {
    if (&hop == best) continue;
    if (best->answer.known() || hop.answer.known()) {
      if (earlier(hop.answer, best->answer)) best = &hop;
    } else if (best->ringing.known() || hop.ringing.known()) {
      if (earlier(hop.ringing, best->ringing)) best = &hop;
    } else {
      best = &hop;  // nobody answered: the last one tried
    }
  }
  return *best;
}

CallRecord* CallCollector::record_of(const session::Transaction& t, bool make) {
  const TextKey key = text_key(t.call_id);
  if (const std::uint32_t* at = by_id_.find(key); at != nullptr) {
    CallRecord& record = records_.list[*at];
    const bool reused =
        make && record.end.known() && later_by(record.end, t.request.time, std::chrono::nanoseconds{kReuseNs});
    if (!reused) return &record;
  }
  if (!make) return nullptr;
  if (records_.list.size() >= cap_) {
    ++dropped_;
    return nullptr;
  }
  by_id_.at_or_new(key) = static_cast<std::uint32_t>(records_.list.size());
  CallRecord& record = records_.list.emplace_back();
  record.call_id = records_.texts.keep(t.call_id);
  return &record;
}

// The stretch of path that an initial INVITE went; null: there are too many.
CallHop* CallCollector::hop_of(CallRecord& record, const session::Transaction& t) {
  for (auto hop = record.hops.rbegin(); hop != record.hops.rend(); ++hop) {
    if (hop->from == t.client.address && hop->to == t.server.address) return &*hop;
  }
  if (record.hops.size() >= kMaxHops) return nullptr;
  if (record.hops.empty()) record.hops.reserve(1);
  CallHop& hop = record.hops.emplace_back();
  hop.from = t.client.address;
  hop.to = t.server.address;
  hop.invite = t.request;
  return &hop;
}

// What an initial INVITE says of who calls. entry: it went the first hop.
void CallCollector::note_caller(CallRecord& record, const session::Transaction& t, bool entry) {
  TextPool& texts = records_.texts;
  if (entry || t.request < record.entry().invite) {
    record.from_host = texts.once(cut(session::host_of(t.from_uri)));
    record.to_user = texts.once(cut(session::user_of(t.to_uri)));
    record.display = texts.once(cut(t.from_display));
    record.user_agent = texts.once(cut(t.user_agent));
    record.shape = t.shape;
  }
  if (!t.diversion.empty() && record.diversion.empty()) record.diversion = texts.once(user_in(t.diversion));
  if (t.retargeted && record.diversion.empty()) {
    record.diversion = texts.once(user_in(t.history_info.substr(0, t.history_info.find(','))));
    if (record.diversion.empty()) record.diversion = texts.once(cut(session::user_of(t.to_uri)));
  }
  record.hidden |= !t.privacy.empty() && !istarts_with(t.privacy, "none");
  // 3GPP TS 24.229 section 7.2A.20.
  record.refuted |= t.asserted_identity.find("verstat=TN-Validation-Failed") != std::string_view::npos ||
                    t.from_uri.find("verstat=TN-Validation-Failed") != std::string_view::npos;
  record.challenged |= t.challenged();
  if (t.login_failed()) ++record.login_failures;
  if (!t.account().empty() && (record.account.empty() || entry)) {
    record.account = texts.once(cut(t.account()));
    // Something behind the check of the credentials answered.
    if (!t.login_failed() && !t.challenged() && (t.status != 0 || t.ringing.known())) record.logged_in = true;
  }
}

void CallCollector::on_transaction(const session::Transaction& t) {
  using sip::Method;
  const bool initial = t.method == Method::kInvite && !t.in_dialog;
  CallRecord* record = record_of(t, initial);
  if (record == nullptr) return;
  const FrameRef& latest = t.final.known() ? t.final : t.request;
  if (!record->last.known() || record->last < latest) record->last = latest;

  if (!initial) {
    if (record->hops.empty()) return;
    const bool by_caller = t.client.address == record->entry().from;
    // A CANCEL is told before its INVITE is: counted with that.
    const bool counts = t.method != Method::kAck && t.method != Method::kCancel;
    if (by_caller && t.server.address == record->entry().to && counts) ++record->others;
    if (t.method == Method::kBye && (!record->bye || t.request.time < record->end)) {
      record->bye = true;
      record->end = t.request.time;
      record->ended_by_caller = by_caller || std::ranges::any_of(record->hops, [&](const CallHop& hop) {
                                  return hop.from == t.client.address && hop.to == t.server.address;
                                });
    }
    if (t.method == Method::kRefer) record->transferred = true;
    if (t.method == Method::kInfo) ++record->digits;
    return;
  }

  CallHop* hop = hop_of(*record, t);
  if (hop == nullptr) return;
  TextPool& texts = records_.texts;
  ++hop->requests;
  if (t.request < hop->invite) hop->invite = t.request;
  hop->dialled = texts.once(cut(session::user_of(t.request_uri)));
  if (hop->dialled.empty() && t.request_uri.starts_with("urn:service:sos")) hop->dialled = texts.once("sos");
  hop->caller = texts.once(cut(session::user_of(t.from_uri)));
  if (!t.asserted_identity.empty()) hop->asserted = texts.once(user_in(t.asserted_identity));
  if (t.ringing.known() && (!hop->ringing.known() || t.ringing < hop->ringing)) hop->ringing = t.ringing;
  if (!t.challenged() || hop->status == 0) {
    hop->status = t.status;
    hop->final = t.final;
  }
  if (!t.challenged() && !hop->answer.known()) hop->accepted = t.request;
  if (t.success() && (!hop->answer.known() || t.final < hop->answer)) {
    hop->answer = t.final;
    hop->accepted = t.request;
  }
  note_caller(*record, t, hop == &record->hops.front());
  record->cancelled |= t.cancelled;
  if (t.cancelled && hop == &record->hops.front()) ++record->others;
  if (t.max_forwards >= 0) {
    record->least_max_forwards = static_cast<std::int16_t>(std::min<int>(record->least_max_forwards, t.max_forwards));
  }
  record->most_vias = std::max(record->most_vias, t.vias);
}

void CallCollector::on_call_end(const session::Call& call) {
  const std::uint32_t* at = by_id_.find(text_key(call.call_id));
  if (at == nullptr) return;
  CallRecord& record = records_.list[*at];
  if (record.links.empty()) record.links.reserve(std::min<std::size_t>(call.links.size(), kMaxLinks));
  for (const auto& link : call.links) {
    if (record.links.size() < kMaxLinks && std::ranges::find(record.links, link) == record.links.end())
      record.links.push_back(link);
  }
  // Without a BYE the call lasted at least as long as anything of it was seen.
  FrameRef last = call.last;
  for (const auto& stream : call.streams) last = std::max(last, stream->last);
  if (!record.last.known() || record.last < last) record.last = last;
}

void CallCollector::on_message(const dissect::SipEvent& event) {
  if (restored_ == 0 || event.message->is_request || event.message->cseq_method != sip::Method::kInvite) return;
  if (event.message->status < 101) return;
  const std::uint32_t* at = by_id_.find(text_key(event.message->call_id));
  if (at == nullptr || *at >= restored_) return;
  CallRecord& record = records_.list[*at];
  for (CallHop& hop : record.hops) {
    if (hop.from != event.dst.address || hop.to != event.src.address || hop.status != 0) continue;
    if (event.message->status < 200) {
      if (!hop.ringing.known()) hop.ringing = event.frame;
      continue;
    }
    hop.status = event.message->status;
    hop.final = event.frame;
    if (event.message->status == 487) {
      if (!record.cancelled && &hop == &record.hops.front()) ++record.others;
      record.cancelled = true;
    }
    if (event.message->status < 300 && !hop.answer.known()) hop.answer = event.frame;
    if (!record.last.known() || record.last < event.frame) record.last = event.frame;
  }
}

void CallCollector::restore(CallRecords records) {
  records_ = std::move(records);
  if (records_.list.size() > cap_) records_.list.resize(cap_);
  restored_ = records_.list.size();
  for (std::size_t i = 0; i < restored_; ++i)
    by_id_.at_or_new(text_key(records_.list[i].call_id)) = static_cast<std::uint32_t>(i);
}

CallRecords CallCollector::take() {
  by_id_ = {};
  std::pmr::deque<CallRecord>& list = records_.list;
  std::erase_if(list, [](const CallRecord& record) { return record.hops.empty(); });
  for (CallRecord& record : list) {
    std::ranges::stable_sort(record.hops, [](const CallHop& a, const CallHop& b) { return a.invite < b.invite; });
    record.requests = record.others;
    for (const CallHop& hop : record.hops) record.requests += hop.from == record.entry().from ? hop.requests : 0;
    // The BYE may have come before what it ends was known as answered; else the last sign of life is the end.
    if (!record.bye) {
      const CallHop& hop = record.entry();
      const bool answered = std::ranges::any_of(record.hops, [](const CallHop& h) { return h.answer.known(); });
      record.end = answered || !hop.final.known() ? record.last.time : hop.final.time;
    }
  }
  std::ranges::stable_sort(
      list, [](const CallRecord& a, const CallRecord& b) { return a.entry().invite < b.entry().invite; });
  return std::exchange(records_, {});
}

CallTable::CallTable(CallRecords records) : records_(std::move(records)) { join_legs(); }

bool CallTable::relay(const IpAddress& host) const { return std::ranges::binary_search(relays_, host); }
bool CallTable::peer(const IpAddress& host) const { return std::ranges::binary_search(peers_, host); }

namespace {

std::vector<session::LegPlace> places_of(const std::pmr::deque<CallRecord>& records) {
  std::pmr::vector<session::LegFacts> legs;
  std::pmr::vector<session::LegHop> hops;
  legs.reserve(records.size());
  std::size_t count = 0;
  for (const CallRecord& record : records) count += record.hops.size();
  hops.reserve(count);  // the legs hold views into it
  for (const CallRecord& record : records) {
    const std::size_t begin = hops.size();
    Timestamp answer;
    for (const CallHop& hop : record.hops) {
      hops.push_back({Endpoint(hop.from, 0), Endpoint(hop.to, 0)});
      if (hop.answer.known() && (!answer.known() || &hop == &record.entry())) answer = hop.answer.time;
    }
    legs.push_back({.call_id = record.call_id,
                    .called = record.entry().dialled,
                    .caller = record.entry().caller,
                    .start = record.entry().invite.time,
                    .answer = answer,
                    .end = record.end,
                    .ended = record.bye || !answer.known(),
                    .hops = std::span(hops).subspan(begin),
                    .links = record.links,
                    .samples = {}});
  }
  return session::group_legs(legs);
}

}  // namespace

// Who passes calls on: from one hop of a Call-ID to the next, or from one leg to the other.
void CallTable::learn_relays(const std::vector<session::LegPlace>& places) {
  std::set<IpAddress> relays;
  for (std::size_t i = 0; i < records().size(); ++i) {
    const CallRecord& record = records()[i];
    for (std::size_t h = 1; h < record.hops.size(); ++h) {
      for (std::size_t before = 0; before < h; ++before) {
        if (record.hops[before].to == record.hops[h].from) relays.insert(record.hops[h].from);
      }
    }
    if (places[i].before == i) continue;
    const CallRecord& before = records()[places[i].before];
    const CallRecord& near_side = before.entry().invite.time <= record.entry().invite.time ? before : record;
    const CallRecord& far_side = &near_side == &before ? record : before;
    relays.insert(far_side.entry().from);
    if (near_side.hops.size() == 1 && near_side.entry().from != far_side.entry().from)
      relays.insert(near_side.entry().to);
  }
  relays_.assign(relays.begin(), relays.end());
}

void CallTable::join_legs() {
  const std::vector<session::LegPlace> places = places_of(records());
  for (CallRecord& record : records_.list) record.links = {};
  learn_relays(places);

  // One PhoneCall a group, in the order of their leaders. A leader comes before its members.
  const std::size_t all = records().size();
  call_of_.resize(all);
  std::vector<std::uint32_t> sizes;
  for (std::size_t i = 0; i < all; ++i) {
    const std::size_t root = places[i].group;
    if (root == i) {
      call_of_[i] = static_cast<std::uint32_t>(sizes.size());
      sizes.push_back(0);
    } else {
      call_of_[i] = call_of_[root];
    }
    ++sizes[call_of_[i]];
  }
  std::vector<std::uint32_t> next(sizes.size());
  std::uint32_t at = 0;
  members_.resize(all);
  calls_.resize(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    calls_[i].records = std::span(members_).subspan(at, sizes[i]);
    next[i] = at;
    at += sizes[i];
  }
  for (std::size_t i = 0; i < all; ++i) members_[next[call_of_[i]]++] = static_cast<std::uint32_t>(i);
  for (PhoneCall& call : calls_) fill(call);
}

// What the records of a call tell of it, whatever the site.
void CallTable::fill(PhoneCall& call) const {
  const CallRecord& lead = records()[call.records.front()];
  const CallHop& entry = lead.entry();
  call.source = entry.from;
  call.entry = entry.to;
  call.start = entry.invite.time;
  call.invite = entry.invite;
  call.accepted = entry.accepted.known() ? entry.accepted : entry.invite;
  call.status = static_cast<std::uint16_t>(entry.status);
  call.ringing = entry.ringing.time;
  call.user_agent = lead.user_agent;
  call.authenticated = lead.logged_in;
  call.challenged = lead.challenged;
  call.cancelled = lead.cancelled;
  call.ended_by_caller = lead.ended_by_caller;
  call.requests = lead.requests;
  call.end = lead.end;
  // A proxy's hops share one Call-ID; a B2BUA's far leg says more of where the call went.
  const CallRecord* far = &lead;
  for (const std::uint32_t index : call.records) {
    const CallRecord& record = records()[index];
    call.last = std::max(call.last, record.last);
    call.diverted |= !record.diversion.empty();
    call.transferred |= record.transferred;
    for (const CallHop& hop : record.hops) {
      if (hop.answer.known() && (!call.answer.known() || (&record == &lead && hop.from == entry.from))) {
        call.answer = hop.answer.time;
        call.answer_frame = hop.answer;
      }
    }
    // Records come in the order of their INVITEs: of those that were answered the last one is the farthest.
    if (&record == &lead) continue;
    if (far == &lead ? record.exit().answer.known() || !far->exit().answer.known() : record.exit().answer.known()) {
      far = &record;
    }
  }
  call.exit = far->exit().to;
  call.open = call.answer.known() && !lead.bye;
  if (call.answer.known() && call.end < call.answer) call.end = call.last.time;
}

// Hosts that write numbers in full, some of them without a plus, by those that they call.
std::set<IpAddress> CallTable::bare_writers(const NumberPlan& plan) const {
  constexpr std::size_t kSome = 5;
  constexpr std::size_t kFull = 10;
  struct Form {
    std::size_t all = 0;
    std::size_t bare = 0;
    std::size_t full = 0;
  };
  std::map<IpAddress, Form> forms;
  for (const PhoneCall& call : calls_) {
    const std::string dialled = clean_number(records()[call.records.front()].entry().dialled);
    const bool digits = !dialled.empty() && std::ranges::all_of(dialled, is_digit);
    Form& form = forms[call.source];
    ++form.all;
    const bool bare = digits && dialled.size() >= kFull && plan.read(dialled).e164 == "+" + dialled;
    form.bare += bare ? 1U : 0U;
    form.full += bare || dialled.starts_with('+') ? 1U : 0U;
  }
  std::set<IpAddress> writers;
  for (const auto& [host, form] : forms) {
    if (form.bare >= kSome && form.full * 10 >= form.all * 9) writers.insert(host);
  }
  return writers;
}

void CallTable::classify(const Site& site, const NumberPlan& plan) {
  const std::set<IpAddress> writers = bare_writers(plan);
  TextPool& texts = records_.texts;
  const auto keep = [&texts](const Number& number) {
    return CalledNumber{.dialled = texts.once(number.dialled),
                        .e164 = texts.once(number.e164),
                        .destination = number.destination,
                        .kind = number.kind};
  };
  for (PhoneCall& call : calls_) {
    const CallRecord& lead = records()[call.records.front()];
    const CallHop& entry = lead.entry();
    Number called = plan.read(entry.dialled);
    for (const std::uint32_t index : call.records) {
      for (const CallHop& hop : records()[index].hops) {
        // Some hop may say in full what the phone dialled in short.
        if (!hop.dialled.starts_with('+') || !called.e164.empty() || called.kind == NumberClass::kExtension) continue;
        Number full = plan.read(hop.dialled);
        full.dialled = called.dialled;
        if (!full.e164.empty()) called = std::move(full);
      }
    }
    call.number = keep(called);
    const Text shown = entry.asserted.empty() ? entry.caller : entry.asserted;
    Number caller = plan.read(shown);
    if (caller.kind == NumberClass::kUnknown && writers.contains(call.source)) {
      caller = plan.read("+" + caller.dialled);
    }
    call.caller = caller.e164.empty() ? shown : texts.once(caller.e164);
    call.account = !lead.account.empty() ? lead.account : entry.caller;
    const bool from_peer = peer(call.source) || site.peers.contains(call.source);
    const bool to_peer = peer(call.exit) || site.peers.contains(call.exit);
    const bool own_number = !called.e164.empty() && site.own_number(called.e164);
    if (from_peer && to_peer) {
      call.direction = CallDirection::kTransit;
    } else if (from_peer) {
      call.direction = CallDirection::kInbound;
    } else if (to_peer || (called.external() && !own_number)) {
      call.direction = CallDirection::kOutbound;
    } else if (called.kind == NumberClass::kExtension || called.kind == NumberClass::kName || own_number) {
      call.direction = CallDirection::kInternal;
    } else {
      call.direction = CallDirection::kUnknown;
    }
  }
}

Peak concurrency(const std::vector<const PhoneCall*>& calls) {
  std::vector<std::pair<std::int64_t, int>> steps;
  steps.reserve(calls.size() * 2);
  for (const PhoneCall* call : calls) {
    if (!call->start.known() || !call->end.known() || call->end < call->start) continue;
    steps.emplace_back(call->start.ns, 1);
    steps.emplace_back(call->end.ns, -1);
  }
  // An end at the same moment as a start frees its place first.
  std::ranges::sort(steps);
  Peak peak;
  std::int64_t now = 0;
  for (const auto& [at, step] : steps) {
    now += step;
    if (now > 0 && static_cast<std::uint64_t>(now) > peak.calls) peak = {static_cast<std::uint64_t>(now), {at}};
  }
  return peak;
}

}  // namespace voip::analyze::fraud
