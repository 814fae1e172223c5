#include "analyze/fraud/media_ports.h"

#include <algorithm>
#include <tuple>

#include "analyze/fraud/state_rows.h"
#include "session/transaction.h"

namespace voip::analyze::fraud {

namespace {

constexpr double kOverlap = 1;               // seconds that the owner of a stream goes on beside a stranger
constexpr std::chrono::seconds kPause{120};  // of a stream that still goes on
constexpr std::size_t kMaxPorts = 4096;
constexpr std::size_t kMaxFlows = 16;
constexpr std::size_t kMaxKnown = 32;

bool same(const PortFlow& flow, const Endpoint& far, std::uint32_t ssrc) {
  return flow.far == far && flow.ssrc == ssrc;
}

void extend(std::vector<PortFlow>& flows, const Endpoint& far, const session::MediaStream& stream) {
  const auto at = std::ranges::find_if(flows, [&](const PortFlow& flow) { return same(flow, far, stream.ssrc); });
  if (at != flows.end()) {
    at->packets += stream.packets;
    at->last = std::max(at->last, stream.last);
  } else if (flows.size() < kMaxFlows) {
    flows.push_back(
        {.far = far, .ssrc = stream.ssrc, .packets = stream.packets, .first = stream.first, .last = stream.last});
  }
}

void write(StateSection& section, char letter, const PortFlow& flow) {
  section.add(RowWriter(letter)
                  .address(flow.far.address)
                  .number(flow.far.port())
                  .number(flow.ssrc)
                  .number(flow.packets)
                  .frame(flow.first)
                  .frame(flow.last)
                  .take());
}

Endpoint endpoint(RowReader& in) {
  const IpAddress address = in.address();
  return {address, static_cast<std::uint16_t>(in.number() & 0xffff)};
}

bool before(const Endpoint& a, const Endpoint& b) {
  return std::tuple(a.address, a.port()) < std::tuple(b.address, b.port());
}

}  // namespace

bool MediaPort::knows(const IpAddress& address) const { return std::ranges::find(known, address) != known.end(); }

FrameRef MediaPort::last() const {
  FrameRef latest;
  for (const PortFlow& flow : in) latest = std::max(latest, flow.last);
  for (const PortFlow& flow : out) latest = std::max(latest, flow.last);
  return latest;
}

std::vector<PortStranger> strangers_in(const MediaPort& port) {
  std::vector<PortStranger> found;
  for (const PortFlow& stranger : port.in) {
    // A few packets do where the other end then sends its audio back to them.
    const bool served = std::ranges::any_of(
        port.out, [&](const PortFlow& back) { return back.far == stranger.far && back.packets >= 10; });
    if (stranger.packets < (served ? 3U : 10U) || port.knows(stranger.far.address)) continue;
    for (const PortFlow& owner : port.in) {
      if (&owner == &stranger || owner.far.address == stranger.far.address) continue;
      // It comes into a stream that runs before and goes on after its beginning.
      if (!(owner.first < stranger.first) || owner.packets < 10 ||
          seconds_between(stranger.first.time, owner.last.time) < kOverlap) {
        continue;
      }
      // Media behind NAT comes from an address that no SDP names: then the owner must be named.
      const bool owned = port.knows(owner.far.address);
      if (!owned && seconds_between(owner.first.time, stranger.first.time) < 2) continue;
      found.push_back({.flow = &stranger, .owner = &owner, .owned = owned});
      break;
    }
  }
  return found;
}

void OpenPorts::keep(MediaPort port) {
  if (open_.size() >= kMaxPorts) {
    FrameRef latest;
    for (const MediaPort& one : open_) latest = std::max(latest, one.last());
    std::erase_if(open_, [&](const MediaPort& one) { return later_by(one.last().time, latest.time, kPause); });
  }
  if (open_.size() < kMaxPorts) open_.push_back(std::move(port));
}

bool OpenPorts::take(const session::MediaStream& stream) {
  if (earlier_.empty()) return false;
  bool taken = false;
  for (const bool inward : {true, false}) {
    const Endpoint& near = inward ? stream.key.dst : stream.key.src;
    const auto at = std::ranges::lower_bound(earlier_, near, before, [](const Earlier& one) { return one.port.into; });
    if (at == earlier_.end() || !(at->port.into == near)) continue;
    MediaPort& port = at->port;
    if (!at->touched && later_by(port.last().time, stream.first.time, kPause)) continue;
    extend(inward ? port.in : port.out, inward ? stream.key.src : stream.key.dst, stream);
    at->touched = taken = true;
  }
  return taken;
}

std::vector<const MediaPort*> OpenPorts::continued() const {
  std::vector<const MediaPort*> list;
  for (const Earlier& one : earlier_) {
    if (one.touched) list.push_back(&one.port);
  }
  return list;
}

void OpenPorts::save(StateSection& section) const {
  FrameRef latest;
  for (const MediaPort& port : open_) latest = std::max(latest, port.last());
  for (const Earlier& one : earlier_) latest = std::max(latest, one.port.last());
  const auto row = [&](const MediaPort& port) {
    if (later_by(port.last().time, latest.time, kPause)) return;
    RowWriter head('P');
    head.address(port.into.address).number(port.into.port()).text(port.call_id);
    for (std::size_t i = 0; i < std::min(port.known.size(), kMaxKnown); ++i) head.address(port.known[i]);
    section.add(head.take());
    for (const PortFlow& flow : port.in) write(section, 'i', flow);
    for (const PortFlow& flow : port.out) write(section, 'o', flow);
  };
  for (const MediaPort& port : open_) row(port);
  for (const Earlier& one : earlier_) row(one.port);
}

void OpenPorts::load(const StateSection& section) {
  MediaPort* port = nullptr;
  for (const StateSection::Row& row : section.rows()) {
    if (row.empty()) continue;
    RowReader in(row);
    if (row.front() == "P") {
      if (earlier_.size() >= kMaxPorts) break;
      port = &earlier_.emplace_back().port;
      port->into = endpoint(in);
      port->call_id = in.text();
      while (in.more() && port->known.size() < kMaxKnown) port->known.push_back(in.address());
    } else if (port != nullptr && (row.front() == "i" || row.front() == "o")) {
      std::vector<PortFlow>& flows = row.front() == "i" ? port->in : port->out;
      if (flows.size() >= kMaxFlows) continue;
      PortFlow flow;
      flow.far = endpoint(in);
      flow.ssrc = in.count();
      flow.packets = in.number();
      flow.first = in.frame();
      flow.last = in.frame();
      flows.push_back(flow);
    }
  }
  std::ranges::stable_sort(earlier_, before, [](const Earlier& one) { return one.port.into; });
}

}  // namespace voip::analyze::fraud
