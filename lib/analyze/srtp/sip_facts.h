#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/table.h"
#include "session/observer.h"

namespace voip::analyze::srtp {

// Digits that travelled in signalling, with no more than the checks need.
struct SipDigit {
  char digit = '?';
  FrameRef frame;
};
struct SipDigits {
  Endpoint src;
  Endpoint dst;
  std::string_view how;  // "INFO application/dtmf-relay"
  bool encrypted = false;
  std::vector<SipDigit> digits;
  std::uint64_t more = 0;  // beyond the cap
};

// What single SIP messages of one Call-ID say beside their SDP.
struct CallSip {
  std::string call_id;
  FrameRef first;
  bool recording = false;  // RFC 7866
  FrameRef recording_frame;
  bool transferred = false;  // REFER or Replaces
  std::vector<SipDigits> digits;
  std::vector<std::pair<std::uint32_t, TextKey>> digits_seen;  // CSeq and From tag: each once, on whatever hop
  // A message over TLS with a key, and a hop of it that is not.
  std::string bare_hop;  // "UDP 192.0.2.1 (Via)"
  FrameRef bare_hop_frame;
  std::uint64_t keyed_over_tls = 0;
};

// The first word of User-Agent or Server, in lower case: "yealink"; empty without one.
std::string vendor_of(const sip::MessageView& message);

// Whose device placed each call, by its INVITE: few names, many calls.
class CallVendors {
 public:
  void note(const dissect::SipEvent& event, const session::Call* call);
  // A place in names(), counted from 1; 0: not told. Forgets the call.
  std::uint16_t take(std::uint64_t serial);
  const std::vector<std::string>& names() const { return names_; }

 private:
  static constexpr std::size_t kMost = 200;
  std::vector<std::string> names_;
  FlatMap<std::uint64_t, std::uint16_t> calls_;  // by Call::serial
};

// Looks into the messages of all calls. Bounded: beyond the cap new Call-IDs are left out and counted.
class SipFacts {
 public:
  void on_message(const dissect::SipEvent& event);
  // Gives what was gathered under the Call-ID and forgets it; null when nothing was.
  std::unique_ptr<CallSip> take(std::string_view call_id);
  // What is left at the end, by time.
  std::vector<std::unique_ptr<CallSip>> take_rest();
  std::uint64_t left_out() const { return left_out_; }

 private:
  CallSip* facts_of(const dissect::SipEvent& event);
  void take_digits(const dissect::SipEvent& event);
  void take_route(const dissect::SipEvent& event);

  FlatMap<TextKey, std::unique_ptr<CallSip>> calls_;
  std::uint64_t left_out_ = 0;
};

}  // namespace voip::analyze::srtp
