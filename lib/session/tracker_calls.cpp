#include <algorithm>
#include <utility>

#include "base/text.h"
#include "proto/sip/fields.h"
#include "session/tracker_impl.h"

namespace voip::session {

namespace {

constexpr std::size_t kMaxExchanges = 64;
constexpr std::size_t kMaxPending = 16;
constexpr std::size_t kMaxRefusals = 16;

bool makes_call(Method method) {
  switch (method) {
    case Method::kInvite:
    case Method::kAck:
    case Method::kBye:
    case Method::kCancel:
    case Method::kPrack:
    case Method::kUpdate: return true;
    default: return false;
  }
}

std::string uri_without_parameters(std::string_view name_addr) {
  const auto parsed = sip::parse_name_addr(name_addr);
  if (!parsed) return std::string(trim(name_addr.substr(0, name_addr.find(';'))));
  const std::string_view uri = parsed->uri;
  return std::string(uri.substr(0, find_any(uri, 0, ';', '?')));
}

}  // namespace

LiveCall& Tracker::Impl::new_call(const TextKey& key, const SipEvent& event) {
  auto& slot = calls.get(key, now, [this](const TextKey&, auto& gone) {
    ++counters.evicted["calls"];
    close_call(*gone);
  });
  if (spare.empty()) {
    slot = std::make_unique<LiveCall>();
  } else {
    slot = std::move(spare.back());
    spare.pop_back();
  }
  LiveCall& call = *slot;
  const sip::MessageView& message = *event.message;
  call.key = key;
  call.serial = next_serial++;
  call.call_id = message.call_id;
  call.from = uri_without_parameters(message.from);
  call.to = uri_without_parameters(message.to);
  if (message.is_request) {
    if (const auto uri = sip::parse_uri(message.request_uri)) call.request_user = uri->user;
  }
  call.caller_tag = tags(message).from_key;
  call.first = event.frame;
  call.activity = now;
  ++counters.calls;
  note_links(call, event);
  schedule(call);
  return call;
}

void Tracker::Impl::note_links(Call& call, const SipEvent& event) {
  const sip::MessageView& message = *event.message;
  for (const sip::Header& header : message.headers) {
    switch (header.id) {
      case HeaderId::kSessionId: {
        // RFC 7989: "local;remote=other"; either half alone may be the nil UUID while it is unknown.
        const std::string_view local = trim(header.value.substr(0, header.value.find(';')));
        for (const std::string_view half : {local, sip::parameter(header.value, "remote").value_or("")}) {
          if (half.size() == 32 && half.find_first_not_of('0') != std::string_view::npos) {
            add_link(call, LinkKind::kSessionId, text_key(to_lower(half)));
          }
        }
        break;
      }
      case HeaderId::kXCid:
        if (!header.value.empty()) add_link(call, LinkKind::kCorrelationHeader, text_key(header.value));
        break;
      case HeaderId::kPChargingVector:
        if (const auto icid = sip::parameter(header.value, "icid-value"); icid && !icid->empty()) {
          add_link(call, LinkKind::kChargingVector, text_key(*icid));
        }
        break;
      default: break;
    }
  }
  if (event.hep != nullptr && !event.hep->correlation_id.empty()) {
    add_link(call, LinkKind::kHepCorrelation, text_key(event.hep->correlation_id));
  }
}

void Tracker::Impl::add_link(Call& call, LinkKind kind, const TextKey& key) {
  if (call.links.size() >= 16) return;
  const std::pair link{kind, key};
  if (std::ranges::find(call.links, link) == call.links.end()) call.links.push_back(link);
}

void Tracker::Impl::on_sip(const SipEvent& event) {
  advance(event.frame.time);
  const sip::MessageView& message = *event.message;
  const TextKey key = text_key(message.call_id);
  tags_known = false;
  if (!wanted.empty() && std::ranges::find(wanted, key) == wanted.end()) return;
  LiveCall* call = nullptr;
  if (!message.call_id.empty() &&
      makes_call(message.cseq_method == Method::kOther ? message.method : message.cseq_method)) {
    if (auto* slot = calls.find_and_touch(key, now)) {
      call = slot->get();
      fetch(call);
    }
  }
  if (copies.is_copy(event)) {
    ++counters.sip_copies;
    observer.on_copy(event);
    // The wire's copy of what HEP told first: now the hop is known to be on the wire.
    if (event.provenance == net::Provenance::kWire) {
      if (auto* slot = calls.find(key)) {
        const std::size_t hop = hop_of(**slot, event);
        if (hop < (*slot)->hops.size()) (*slot)->hops[hop].on_wire = true;
      }
    }
    return;
  }
  ++counters.sip_messages;
  if (call == nullptr && !message.call_id.empty() &&
      makes_call(message.cseq_method == Method::kOther ? message.method : message.cseq_method)) {
    call = begin_call(key, event);
  }
  if (call != nullptr) {
    fetch_lists(*call);
    take_message(*call, event);
  }
  observer.on_message(event, call);
  if (transactions != nullptr) transactions->take(event, call);
}

LiveCall* Tracker::Impl::begin_call(const TextKey& key, const SipEvent& event) {
  const sip::MessageView& message = *event.message;
  const bool begins =
      (message.cseq_method == Method::kInvite && message.method != Method::kAck) || message.cseq_method == Method::kBye;
  if (!begins && message.body.empty()) return nullptr;  // a straggler
  return &new_call(key, event);
}

// An INVITE that was refused is tried again (with credentials, another timer, another target), under the same Call-ID
// but with a new From tag: some senders do so, against RFC 3261 section 8.1.3.5. A second leg of a B2BUA that keeps the
// Call-ID comes from another address, or before the first was refused.
bool Tracker::Impl::begins_again(const LiveCall& call, const SipEvent& event) {
  const sip::MessageView& message = *event.message;
  if (!call.refused || call.answered.known() || call.hops.empty()) return false;
  if (!message.is_request || message.method != Method::kInvite || !tags(message).to.empty()) return false;
  return tags(message).from_key != call.caller_tag && event.src.address == call.hops.front().caller_side.address;
}

void Tracker::Impl::take_message(LiveCall& call, const SipEvent& event) {
  const sip::MessageView& message = *event.message;
  call.last = event.frame;
  call.truncated |= event.truncated;
  if (now.known()) call.activity = now;
  if (begins_again(call, event)) call.caller_tag = tags(message).from_key;
  const std::size_t hop_index = hop_of(call, event);
  if (hop_index >= call.hops.size()) return;
  Hop& hop = call.hops[hop_index];
  hop.on_wire |= event.provenance == net::Provenance::kWire;
  SdpUse use;
  if (!message.body.empty()) {
    if (const auto part = sip::find_body(message.content_type, message.body, "application/sdp")) {
      const bool from_caller =
          event.src == hop.caller_side || (event.dst != hop.caller_side && sent_by_caller(call, message));
      use = {.sdp = body_of(call, part->content),
             .frame = event.frame,
             .from_caller = from_caller,
             .method = message.method,
             .status = message.status};
      if (use.sdp != nullptr) {
        note_sdp(call, hop_index, use);
      }
    }
  }
  if (message.is_request) {
    on_request(call, hop_index, message, use, event);
  } else {
    on_response(call, hop_index, message, use, event);
  }
}

Pending* Tracker::Impl::find_pending(LiveCall& call, std::size_t hop, Method method, std::uint32_t cseq,
                                     bool from_caller) {
  for (auto at = call.pending.rbegin(); at != call.pending.rend(); ++at) {
    if (at->hop == hop && at->method == method && at->cseq == cseq && at->from_caller == from_caller) return &*at;
  }
  return nullptr;
}

void Tracker::Impl::on_request(LiveCall& call, std::size_t hop, const sip::MessageView& message, const SdpUse& use,
                               const SipEvent& event) {
  const Method method = message.method;
  const bool from_caller = event.src == call.hops[hop].caller_side ||
                           (event.dst != call.hops[hop].caller_side && sent_by_caller(call, message));
  if (method == Method::kBye) {
    call.bye_seen = true;
    if (!call.ended.known()) {
      call.ended = event.frame.time;
    }
    return;
  }
  if (method == Method::kAck || method == Method::kPrack) {
    if (use.sdp != nullptr && answer_in_request(call, hop, message, use)) return;
    if (method == Method::kAck) return;
  }
  if (method != Method::kInvite && method != Method::kUpdate && method != Method::kPrack) return;
  if (method == Method::kPrack && use.sdp == nullptr) return;
  if (method == Method::kInvite) call.hops[hop].invite_seen = true;
  if (find_pending(call, hop, method, message.cseq_number, from_caller) != nullptr) return;  // a retransmission
  const bool initial = method == Method::kInvite && tags(message).to.empty();
  if (initial) {
    // A new attempt (after 401, say) supersedes what a refusal said.
    call.refused = call.challenged = false;
    if (!call.answered.known()) call.ended = {};
  }
  if (call.pending.size() >= kMaxPending) call.pending.erase(call.pending.begin());
  call.pending.push_back({.hop = hop,
                          .method = method,
                          .cseq = message.cseq_number,
                          .from_caller = from_caller,
                          .offer = use,
                          .answered = false,
                          .initial = initial});
  if (use.sdp == nullptr) return;
  if (initial) {
    note_early_offer(call, hop, use);
    return;
  }
  if (DialogLeg* dialog = dialog_of(call, hop, remote_tag(call, message), event.frame, true)) {
    add_exchange(call, *dialog, {.offer = use, .method = method, .cseq = message.cseq_number});
  }
}

void Tracker::Impl::note_early_offer(LiveCall& call, std::size_t hop, const SdpUse& use) {
  for (std::size_t i = 0; i < call.early_offers.size(); ++i) {
    // One a hop: the retry with credentials takes the place of the first.
    for (std::size_t k = 0; k < call.sdp_uses.size(); ++k) {
      if (call.sdp_uses[k].frame == call.early_offers[i].frame && call.sdp_use_hops[k] == hop) {
        call.early_offers[i] = use;
        return;
      }
    }
  }
  if (call.early_offers.size() < kMaxRefusals) call.early_offers.push_back(use);
}

Exchange* Tracker::Impl::add_exchange(LiveCall& call, DialogLeg& dialog, Exchange exchange) {
  if (dialog.exchanges.size() >= kMaxExchanges) {
    // Session refreshes without end: keep how it began and how it stands.
    call.over_limit = true;
    dialog.exchanges.erase(dialog.exchanges.begin() + kMaxExchanges / 2);
  }
  dialog.exchanges.push_back(std::move(exchange));
  return &dialog.exchanges.back();
}

bool Tracker::Impl::answer_in_request(LiveCall& call, std::size_t hop, const sip::MessageView& message,
                                      const SdpUse& use) {
  DialogLeg* dialog = dialog_of(call, hop, remote_tag(call, message), {}, false);
  if (dialog == nullptr) return false;
  for (auto at = dialog->exchanges.rbegin(); at != dialog->exchanges.rend(); ++at) {
    if (at->offer.sdp == nullptr || at->answer.sdp != nullptr || at->offer.status == 0 ||
        at->offer.from_caller == use.from_caller)
      continue;
    at->answer = use;
    announce(call, *dialog, static_cast<std::size_t>(&*at - dialog->exchanges.data()));
    return true;
  }
  return false;
}

void Tracker::Impl::on_response(LiveCall& call, std::size_t hop, const sip::MessageView& message, const SdpUse& use,
                                const SipEvent& event) {
  const Method method = message.cseq_method;
  const bool request_from_caller = event.dst == call.hops[hop].caller_side ||
                                   (event.src != call.hops[hop].caller_side && !sent_by_caller(call, message));
  Pending* pending = find_pending(call, hop, method, message.cseq_number, request_from_caller);
  if (method == Method::kInvite && message.status > 100) invite_progress(call, hop, message, pending, event);
  if (message.status >= 300) {
    if (pending != nullptr) refuse(call, hop, message, *pending, event);
    return;
  }
  if (use.sdp == nullptr || message.status <= 100) return;
  DialogLeg* dialog = dialog_of(call, hop, remote_tag(call, message), event.frame, true);
  if (dialog == nullptr) return;
  // The exchange that this transaction began in this dialog, if any.
  for (auto at = dialog->exchanges.rbegin(); at != dialog->exchanges.rend(); ++at) {
    if (at->method != method || at->cseq != message.cseq_number) continue;
    SdpUse& mine = at->offer.status != 0 ? at->offer : at->answer;
    if (mine.sdp != nullptr && mine.from_caller != use.from_caller) continue;
    const bool news = mine.sdp != use.sdp;
    if (news) {
      mine = use;  // a 200 may say something else than the 183 before it: the last word counts
      if (at->complete()) announce(call, *dialog, static_cast<std::size_t>(&*at - dialog->exchanges.data()));
    }
    return;
  }
  Exchange exchange{.method = method, .cseq = message.cseq_number};
  if (pending != nullptr && pending->offer.sdp == nullptr) {
    exchange.offer = use;  // delayed offer: ACK or PRACK will answer
  } else {
    if (pending != nullptr) exchange.offer = pending->offer;
    exchange.answer = use;
  }
  add_exchange(call, *dialog, std::move(exchange));
  if (dialog->exchanges.back().complete()) announce(call, *dialog, dialog->exchanges.size() - 1);
}

void Tracker::Impl::invite_progress(LiveCall& call, std::size_t hop, const sip::MessageView& message, Pending* pending,
                                    const SipEvent& event) {
  const bool initial = pending == nullptr || pending->initial;
  if (message.status < 200) {
    if (DialogLeg* dialog =
            dialog_of(call, hop, remote_tag(call, message), event.frame, initial && !tags(message).to.empty())) {
      dialog->early = true;
    }
    return;
  }
  if (!initial) return;
  call.final_status = message.status;
  if (message.status < 300) {
    if (!call.answered.known()) call.answered = event.frame.time;
    call.refused = false;
    if (!call.bye_seen) call.ended = {};
    if (DialogLeg* dialog = dialog_of(call, hop, remote_tag(call, message), event.frame, true)) {
      dialog->confirmed = true;
      dialog->final_status = message.status;
    }
    return;
  }
  if (call.answered.known()) return;  // another branch of a fork lost
  call.refused = true;
  call.challenged = message.status == 401 || message.status == 407;
  if (!call.challenged) call.ended = event.frame.time;
}

void Tracker::Impl::refuse(LiveCall& call, std::size_t hop, const sip::MessageView& message, const Pending& pending,
                           const SipEvent& event) {
  if (pending.offer.sdp == nullptr) return;
  if (!pending.initial) {
    DialogLeg* dialog = dialog_of(call, hop, remote_tag(call, message), {}, false);
    if (dialog == nullptr) return;
    for (Exchange& exchange : dialog->exchanges) {
      if (exchange.method == pending.method && exchange.cseq == pending.cseq && exchange.answer.sdp == nullptr) {
        exchange.refused = message.status;
        exchange.refused_frame = event.frame;
      }
    }
    return;
  }
  if (message.status == 401 || message.status == 407) return;
  for (const Exchange& known : call.refusals) {
    if (known.refused == message.status && known.offer.frame == pending.offer.frame) return;
  }
  if (call.refusals.size() >= kMaxRefusals) return;
  Exchange refusal{.offer = pending.offer, .method = pending.method, .cseq = pending.cseq};
  refusal.refused = message.status;
  refusal.refused_frame = event.frame;
  call.refusals.push_back(std::move(refusal));
}

}  // namespace voip::session
