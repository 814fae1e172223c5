#pragma once

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "analyze/srtp/srtp_analyzer.h"
#include "proto/sip/message.h"
#include "report/collector.h"
#include "session/tracker.h"
#include "support/sip_event.h"

namespace voip::test {

// What the analyzer said, by id.
struct Told {
  std::map<std::string, std::vector<std::pair<report::Severity, std::string>>> findings;
  std::map<std::string, std::array<std::uint64_t, 4>> tallies;

  bool has(const std::string& id) const { return findings.contains(id); }
  std::size_t count(const std::string& id) const { return has(id) ? findings.at(id).size() : 0; }
  report::Severity severity(const std::string& id) const {
    REQUIRE(has(id));
    return findings.at(id).front().first;
  }
  std::string message(const std::string& id) const { return has(id) ? findings.at(id).front().second : std::string(); }
  std::uint64_t tally(const std::string& id, report::Verdict verdict) const {
    return tallies.at(id)[static_cast<std::size_t>(verdict)];
  }
};

inline Told told(report::Collector& collector) {
  Told result;
  collector.sort();
  for (const report::Finding& finding : collector.findings()) {
    CHECK_FALSE(finding.evidence.empty());
    result.findings[std::string(finding.rule->id)].emplace_back(finding.severity, finding.message);
  }
  for (const report::CheckTally& tally : collector.checks())
    result.tallies[std::string(tally.rule->id)] = tally.subjects;
  return result;
}

inline Endpoint at(const std::string& address, std::uint16_t port) { return {*IpAddress::parse(address), port}; }

inline const std::string kCryptoA =
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:Qm0fcYp9XdyR3ovC5eXRH1ZIJxgA1kO2f6u8bNwE\r\n";
inline const std::string kCryptoB =
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:s7TLuZk3dV0eHgXo2mRbW9cyJ4fPqN6iA1wUxKQz\r\n";

inline std::string sdp(const std::string& address, unsigned port, const std::string& profile = "RTP/SAVP",
                       const std::string& more = kCryptoA, const std::string& payload_types = "0 101") {
  return fmt::format(
      "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} {2} {4}\r\na=rtpmap:101 "
      "telephone-event/8000\r\n{3}",
      address, port, profile, more, payload_types);
}

// A capture told message by message. Time goes on by 20 ms a message, and by what is said for packets.
class SrtpStory {
 public:
  explicit SrtpStory(analyze::srtp::Options options = {})
      : collector_(analyze::srtp::kRules), analyzer_(options, collector_), tracker_(Limits{}, {}, analyzer_) {}

  Endpoint alice = at("192.0.2.1", 5060);
  Endpoint bob = at("192.0.2.2", 5060);
  Endpoint alice_rtp = at("192.0.2.1", 4000);
  Endpoint bob_rtp = at("192.0.2.2", 4002);
  dissect::Signalling signalling = dissect::Signalling::kUdp;

  struct Extra {
    std::string headers{};  // whole lines
    std::string content_type = "application/sdp";
    std::string via = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n";
    std::string call_id = "c1";
  };

  void sip(const Endpoint& src, const Endpoint& dst, const std::string& start, const std::string& cseq, bool to_tag,
           const std::string& body, const Extra& extra) {
    const bool request = start[0] >= 'A';
    std::string text = request ? start + " sip:bob@example.com SIP/2.0\r\n" : "SIP/2.0 " + start + " X\r\n";
    text += extra.via + "From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>" + (to_tag ? ";tag=b" : "") +
            "\r\nCall-ID: " + extra.call_id + "\r\nCSeq: " + cseq + "\r\nMax-Forwards: 70\r\n" + extra.headers;
    if (!body.empty()) text += "Content-Type: " + extra.content_type + "\r\n";
    text += fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
    dissect::SipEvent event;
    event.src = src;
    event.dst = dst;
    event.signalling = signalling;
    event.frame = next_frame(20);
    test::send_sip(tracker_, parser_, text, event);
  }
  void sip(const Endpoint& src, const Endpoint& dst, const std::string& start, const std::string& cseq, bool to_tag,
           const std::string& body = {}) {
    sip(src, dst, start, cseq, to_tag, body, Extra{});
  }

  // INVITE, 200, ACK.
  void call(const std::string& offer, const std::string& answer) {
    sip(alice, bob, "INVITE", "1 INVITE", false, offer);
    sip(bob, alice, "200", "1 INVITE", true, answer);
    sip(alice, bob, "ACK", "1 ACK", true);
  }
  void secure_call() { call(sdp("192.0.2.1", 4000), sdp("192.0.2.2", 4002, "RTP/SAVP", kCryptoB)); }
  void bye() {
    sip(alice, bob, "BYE", "2 BYE", true);
    sip(bob, alice, "200", "2 BYE", true);
  }

  struct Rtp {
    std::uint32_t ssrc = 1;
    unsigned count = 100;
    std::uint16_t sequence = 1000;
    std::uint8_t payload_type = 0;
    unsigned ms = 20;                       // between packets
    std::vector<std::uint8_t> payload{};    // of each packet; empty: 170 random bytes, as of SRTP with an 80-bit tag
    std::vector<std::uint8_t> extension{};  // a whole RFC 8285 block: profile, length, elements
    std::uint64_t seed = 1;
  };
  void rtp(const Endpoint& src, const Endpoint& dst, const Rtp& what) {
    std::uint64_t state = what.seed * 0x9e3779b97f4a7c15U + what.sequence;
    for (unsigned i = 0; i < what.count; ++i) {
      const auto sequence = static_cast<std::uint16_t>(what.sequence + i);
      const std::uint32_t timestamp = sequence * 160U;
      std::vector<std::uint8_t> bytes{0x80, what.payload_type};
      if (!what.extension.empty()) bytes[0] = 0x90;
      put(bytes, sequence, 2);
      put(bytes, timestamp, 4);
      put(bytes, what.ssrc, 4);
      std::vector<std::uint8_t> extension = what.extension;
      if (extension.size() >= 6) extension[5] = static_cast<std::uint8_t>(extension[5] + (i * 7) % 40);
      bytes.insert(bytes.end(), extension.begin(), extension.end());
      if (what.payload.empty()) {
        for (unsigned k = 0; k < 170; ++k) {
          state = state * 6364136223846793005U + 1442695040888963407U;
          bytes.push_back(static_cast<std::uint8_t>(state >> 56));
        }
      } else {
        bytes.insert(bytes.end(), what.payload.begin(), what.payload.end());
      }
      media(src, dst, bytes, what.ms);
    }
  }
  // One keypad digit: three packets with one timestamp.
  void digit(const Endpoint& src, const Endpoint& dst, std::uint8_t event, std::uint32_t timestamp,
             std::uint16_t sequence) {
    for (unsigned i = 0; i < 3; ++i) {
      std::vector<std::uint8_t> bytes{0x80, 101};
      put(bytes, sequence + i, 2);
      put(bytes, timestamp, 4);
      put(bytes, 1, 4);
      bytes.insert(bytes.end(), {event, 10, 0, static_cast<std::uint8_t>(160 * (i + 1) / 8)});
      media(src, dst, bytes, 20);
    }
  }
  static std::vector<std::uint8_t> speech() {
    std::vector<std::uint8_t> payload(160);
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>(0xd0 + (i % 16));
    return payload;
  }

  // DTLS, ZRTP or STUN.
  void keying(dissect::MediaKind kind, const Endpoint& src, const Endpoint& dst,
              const std::vector<std::uint8_t>& bytes) {
    net::Datagram datagram;
    datagram.src = src;
    datagram.dst = dst;
    datagram.payload = bytes;
    datagram.frame = next_frame(5);
    dissect::MediaEvent event;
    event.kind = kind;
    event.datagram = &datagram;
    tracker_.on_media(event);
  }

  void wait(std::chrono::milliseconds time) { now_ns_ += std::chrono::nanoseconds{time}.count(); }
  Told end() {
    tracker_.finish();
    content = analyzer_.finish();
    return told(collector_);
  }
  std::shared_ptr<const report::Content> content;

 private:
  static void put(std::vector<std::uint8_t>& bytes, std::uint64_t value, unsigned size) {
    for (unsigned k = 0; k < size; ++k) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * (size - 1 - k))));
  }
  void media(const Endpoint& src, const Endpoint& dst, const std::vector<std::uint8_t>& bytes, unsigned ms) {
    net::Datagram datagram;
    datagram.src = src;
    datagram.dst = dst;
    datagram.payload = bytes;
    datagram.frame = next_frame(ms);
    const auto packet = rtp::parse(bytes);
    REQUIRE(packet.ok());
    dissect::MediaEvent event;
    event.kind = dissect::MediaKind::kRtp;
    event.datagram = &datagram;
    event.rtp = *packet;
    tracker_.on_media(event);
  }
  FrameRef next_frame(unsigned ms) {
    now_ns_ += ms * 1'000'000LL;
    return {.input = 0, .number = ++frame_, .time = {now_ns_}};
  }

  report::Collector collector_;
  analyze::srtp::SrtpAnalyzer analyzer_;
  session::Tracker tracker_;
  sip::Parser parser_;
  std::int64_t now_ns_ = 1'700'000'000'000'000'000;
  std::uint64_t frame_ = 0;
};

}  // namespace voip::test
