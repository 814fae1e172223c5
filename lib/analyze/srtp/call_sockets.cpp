#include "analyze/srtp/call_sockets.h"

#include <algorithm>

namespace voip::analyze::srtp {

using session::SdpUse;

namespace {

constexpr std::size_t kMostEntries = 16384;
constexpr std::size_t kMostLines = 256;  // for one end of a flow

bool same_network(const IpAddress& a, const IpAddress& b) {
  if (a.is_v4() != b.is_v4()) return false;
  const std::size_t size = a.is_v4() ? 15 : 8;  // IPv4 lies in the last four bytes
  return std::equal(a.bytes().begin(), a.bytes().begin() + static_cast<std::ptrdiff_t>(size), b.bytes().begin());
}

}  // namespace

void CallSockets::add_entry(const Endpoint& socket, const SideLine& line) {
  if (socket.address.unspecified() || socket.port() == 0) return;
  if (entries_.size() >= kMostEntries) {
    overflown_ = true;
    return;
  }
  entries_.push_back({socket, line});
}

void CallSockets::add(const SdpUse& use, const SdpUse* other, const session::DialogLeg* dialog, bool offer) {
  if (use.sdp == nullptr) return;
  const auto& media = use.sdp->media();
  for (std::size_t i = 0; i < media.size(); ++i) {
    const session::MediaLine& line = media[i];
    const SideLine side{.use = &use,
                        .line = &line,
                        .index = i,
                        .other = other,
                        .dialog = dialog,
                        .caller = use.from_caller,
                        .offer = offer};
    addresses_.push_back(line.rtp.address);
    if (line.port != 0) {
      add_entry(line.rtp, side);
      if (line.rtcp != line.rtp) add_entry(line.rtcp, side);
    }
    for (const Endpoint& candidate : line.candidates) {
      addresses_.push_back(candidate.address);
      if (candidate != line.rtp && candidate != line.rtcp) add_entry(candidate, side);
    }
  }
}

CallSockets::CallSockets(const session::Call& call) {
  for (const session::DialogLeg& dialog : call.dialogs) {
    for (const session::Exchange& exchange : dialog.exchanges) {
      add(exchange.offer, &exchange.answer, &dialog, true);
      add(exchange.answer, &exchange.offer, &dialog, false);
    }
  }
  for (const SdpUse& use : call.early_offers) add(use, nullptr, nullptr, true);
  for (const session::Exchange& refusal : call.refusals) add(refusal.offer, nullptr, nullptr, true);
  std::ranges::stable_sort(entries_, {}, &Entry::socket);
  std::ranges::sort(addresses_);
  addresses_.erase(std::unique(addresses_.begin(), addresses_.end()), addresses_.end());
}

template <class Function>
void CallSockets::each_of(const Endpoint& socket, Function&& function) const {
  auto at = std::ranges::lower_bound(entries_, socket, {}, &Entry::socket);
  for (; at != entries_.end() && at->socket == socket; ++at) function(at->line);
}

FlowSides CallSockets::sides(const Endpoint& a, const Endpoint& b) const {
  FlowSides flow;
  std::array<std::array<bool, 2>, 2> is{};  // [end][caller]
  for (const std::size_t end : {std::size_t{0}, std::size_t{1}}) {
    each_of(end == 0 ? a : b, [&](const SideLine& line) {
      is[end][line.caller ? 1 : 0] = true;
      flow.named[end] = true;
    });
  }
  const bool a_caller = is[0][1] || is[1][0];  // something says: a is the caller
  const bool a_callee = is[0][0] || is[1][1];
  if (a_caller == a_callee) {
    // Nothing is known, or a socket is named by both sides: then the end that only one side names decides.
    const bool a_once = is[0][0] != is[0][1];
    const bool b_once = is[1][0] != is[1][1];
    if (a_once == b_once) return flow;
    flow.a_is_caller = a_once ? is[0][1] : is[1][0];
  } else {
    flow.a_is_caller = a_caller;
  }
  for (const std::size_t end : {std::size_t{0}, std::size_t{1}}) {
    const bool caller = (end == 0) == *flow.a_is_caller;
    each_of(end == 0 ? a : b, [&](const SideLine& line) {
      if (line.caller == caller && flow.own[end].size() < kMostLines) flow.own[end].push_back(line);
    });
  }
  for (const std::size_t end : {std::size_t{0}, std::size_t{1}}) {
    if (!flow.own[end].empty()) continue;
    for (const SideLine& other : flow.own[1 - end]) {
      const session::MediaLine* line = other.counterpart();
      if (line == nullptr || flow.own[end].size() >= kMostLines) continue;
      flow.own[end].push_back({.use = other.other,
                               .line = line,
                               .index = other.index,
                               .other = other.use,
                               .dialog = other.dialog,
                               .caller = !other.caller,
                               .offer = !other.offer});
    }
    break;  // what was derived says nothing new of the other end
  }
  return flow;
}

bool CallSockets::names_address(const IpAddress& address) const {
  return std::ranges::binary_search(addresses_, address);
}

bool CallSockets::names_network(const IpAddress& address) const {
  return std::ranges::any_of(addresses_, [&](const IpAddress& known) { return same_network(known, address); });
}

}  // namespace voip::analyze::srtp
