#pragma once

#include <cstdint>
#include <deque>
#include <memory_resource>
#include <vector>

#include "analyze/timeline/records.h"
#include "session/observer.h"

namespace voip::analyze::timeline {

// Keeps a record of each Call-ID that carried a call.
class CallBook {
 public:
  struct Caps {
    std::size_t calls = 1U << 18;
    std::size_t steps = 0;  // messages kept for diagrams, of all calls together; 0: none
  };
  CallBook(Caps caps, Names& names, TextPool& call_ids) : caps_(caps), names_(names), call_ids_(call_ids) {}

  void on_message(const dissect::SipEvent& event, const session::Call& call);
  void on_rtp() { any_media_ = true; }
  void on_call_end(const session::Call& call);

  // After the last packet: all calls in the order of their begin, grouped.
  std::pmr::deque<CallRecord> finish();
  // Records that were given up, because there were too many.
  std::uint64_t dropped() const { return dropped_; }

 private:
  CallRecord* record_of(const dissect::SipEvent& event, const session::Call& call);
  void take_step(CallRecord& record, const dissect::SipEvent& event);
  void take_streams(CallRecord& record, const session::Call& call);
  static void take_keys(CallRecord& record, const session::Call& call);
  static void take_hops(CallRecord& record, const session::Call& call);

  Caps caps_;
  Names& names_;
  TextPool& call_ids_;
  FlatMap<TextKey, std::uint32_t> index_;
  std::pmr::deque<CallRecord> records_;  // grows without a second copy
  std::vector<std::uint32_t> free_;
  std::size_t steps_ = 0;
  std::uint64_t dropped_ = 0;
  bool any_media_ = false;
};

}  // namespace voip::analyze::timeline
