#pragma once

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "session/tracker.h"
#include "support/sip_event.h"

namespace voip::test {

// What the tests want to know of an ended call; the call itself is gone by then.
struct EndedCall {
  std::string call_id;
  unsigned final_status = 0;
  bool answered = false;
  std::size_t dialogs = 0;
  std::size_t refusals = 0;
  struct LegSeen {
    bool confirmed = false;
    std::size_t hops = 0;
    std::vector<std::size_t> streams;  // for each m= line
    std::size_t complete = 0;          // exchanges of the first dialog
    std::string last_answer_profile;   // of its first m= line
  };
  std::vector<LegSeen> legs;
  std::size_t unplaced = 0;
  std::size_t streams = 0;
  std::size_t rtcp = 0;
};

class Recorder final : public session::Observer {
 public:
  void on_message(const dissect::SipEvent&, const session::Call*) override { ++messages; }
  void on_offer_answer(const session::Call&, const session::DialogLeg&, std::size_t) override { ++exchanges; }
  void on_rtp(session::MediaStream&, const dissect::MediaEvent&) override { ++rtp; }
  void on_call_end(session::Call& call) override {
    EndedCall seen{.call_id = call.call_id,
                   .final_status = call.final_status,
                   .answered = call.answered.known(),
                   .dialogs = call.dialogs.size(),
                   .refusals = call.refusals.size(),
                   .legs = {}};
    seen.streams = call.streams.size();
    seen.rtcp = call.rtcp.size();
    const session::Legs legs = session::assemble_legs(call);
    seen.unplaced = legs.unplaced.size();
    for (const session::Leg& leg : legs.legs) {
      EndedCall::LegSeen one;
      one.confirmed = leg.confirmed;
      one.hops = leg.hops.size();
      for (const session::LegMedia& media : leg.media) one.streams.push_back(media.streams.size());
      if (!leg.path.empty()) {
        for (const session::Exchange& exchange : leg.path.front()->exchanges) {
          if (!exchange.complete()) continue;
          ++one.complete;
          one.last_answer_profile = exchange.answer.sdp->media().front().protocol;
        }
      }
      seen.legs.push_back(one);
    }
    calls.push_back(seen);
  }
  void on_orphan_end(session::MediaStream& stream, const std::vector<session::RtcpFlow*>& beside) override {
    orphans.push_back(stream.ssrc);
    orphan_rtcp += beside.size();
  }

  std::size_t messages = 0;
  std::size_t exchanges = 0;
  std::size_t rtp = 0;
  std::size_t orphan_rtcp = 0;
  std::vector<EndedCall> calls;
  std::vector<std::uint32_t> orphans;
};

inline Endpoint at(const std::string& address, std::uint16_t port) { return {*IpAddress::parse(address), port}; }

inline std::string sdp_text(const std::string& address, unsigned port, const std::string& profile = "RTP/AVP",
                            const std::string& more = "") {
  return fmt::format("v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} {2} 0\r\n{3}", address,
                     port, profile, more);
}

// A capture told message by message. Time goes on by 20 ms with each thing that happens.
class Story {
 public:
  explicit Story(Limits limits = {}) : tracker_(limits, {}, seen) {}

  Endpoint alice = at("192.0.2.1", 5060);
  Endpoint proxy = at("192.0.2.9", 5060);
  Endpoint bob = at("192.0.2.2", 5060);

  // start: "INVITE" or "200". cseq: "1 INVITE". tags as they stand in From and To.
  void sip(const Endpoint& src, const Endpoint& dst, const std::string& start, const std::string& cseq,
           const std::string& from_tag, const std::string& to_tag, const std::string& body = {},
           const std::string& call_id = "c1", net::Provenance provenance = net::Provenance::kWire) {
    const bool request = start[0] >= 'A';
    std::string text = request ? start + " sip:bob@example.com SIP/2.0\r\n" : "SIP/2.0 " + start + " X\r\n";
    text += "Via: SIP/2.0/UDP h;branch=z9hG4bK" + cseq.substr(0, cseq.find(' ')) + "\r\n";
    text += "From: <sip:alice@example.com>;tag=" + from_tag + "\r\nTo: <sip:bob@example.com>" +
            (to_tag.empty() ? "" : ";tag=" + to_tag) + "\r\n";
    text += "Call-ID: " + call_id + "\r\nCSeq: " + cseq + "\r\nMax-Forwards: 70\r\n";
    if (!body.empty()) text += "Content-Type: application/sdp\r\n";
    text += fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
    dissect::SipEvent event;
    event.src = src;
    event.dst = dst;
    event.provenance = provenance;
    event.frame = next_frame();
    test::send_sip(tracker_, parser_, text, event);
  }

  // `count` packets of PCMU.
  void rtp(const Endpoint& src, const Endpoint& dst, std::uint32_t ssrc, unsigned count = 20,
           std::uint8_t payload_type = 0) {
    auto& sequence = sequences_[ssrc];
    for (unsigned i = 0; i < count; ++i, ++sequence) {
      std::vector<std::uint8_t> bytes(172, 0x55);
      bytes[0] = 0x80;
      bytes[1] = payload_type;
      bytes[2] = static_cast<std::uint8_t>(sequence >> 8);
      bytes[3] = static_cast<std::uint8_t>(sequence & 0xff);
      const std::uint32_t timestamp = sequence * 160U;
      for (unsigned k = 0; k < 4; ++k) {
        bytes[4 + k] = static_cast<std::uint8_t>(timestamp >> (24 - 8 * k));
        bytes[8 + k] = static_cast<std::uint8_t>(ssrc >> (24 - 8 * k));
      }
      media(src, dst, bytes, dissect::MediaKind::kRtp);
    }
  }

  void media(const Endpoint& src, const Endpoint& dst, const std::vector<std::uint8_t>& bytes,
             dissect::MediaKind kind) {
    net::Datagram datagram;
    datagram.src = src;
    datagram.dst = dst;
    datagram.payload = bytes;
    datagram.frame = next_frame();
    dissect::MediaEvent event;
    event.kind = kind;
    event.datagram = &datagram;
    if (kind == dissect::MediaKind::kRtp) {
      const auto packet = rtp::parse(bytes);
      REQUIRE(packet.ok());
      event.rtp = *packet;
    }
    tracker_.on_media(event);
  }

  void wait(std::chrono::seconds time) { now_ns_ += std::chrono::nanoseconds{time}.count(); }
  void finish() { tracker_.finish(); }
  const session::TrackerCounters& counters() const { return tracker_.counters(); }

  Recorder seen;

 private:
  FrameRef next_frame() {
    now_ns_ += 20'000'000;
    return {.input = 0, .number = ++frame_, .time = {now_ns_}};
  }

  session::Tracker tracker_;
  sip::Parser parser_;
  std::map<std::uint32_t, std::uint16_t> sequences_;
  std::int64_t now_ns_ = 1'700'000'000'000'000'000;
  std::uint64_t frame_ = 0;
};

}  // namespace voip::test
