#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/fraud/casework.h"
#include "analyze/fraud/injections.h"
#include "session/observer.h"

namespace voip::analyze::fraud {

enum class Injected : std::uint8_t { kSql, kShell, kScript, kDialplan, kSmuggled };
inline constexpr std::size_t kInjectedCount = 5;

// Broken messages in numbers, and messages that carry commands for whoever reads their fields.
class MalformedWatch {
 public:
  explicit MalformedWatch(std::size_t cap) : cap_(cap) {}
  void on_message(const dissect::SipEvent& event);
  void on_transaction(const session::Transaction& t);
  // A final answer to a request that was not seen.
  void on_stray_answer(const dissect::SipEvent& event);
  void conclude(Casework& work);
  // The senders that gave cause within the last day.
  void save(StateSection& section) const;
  void load(const StateSection& section);

 private:
  struct Hit {
    std::uint64_t count = 0;
    FrameRef first;
    FrameRef last;
    std::string field;
    std::string text;
  };
  // Only of senders that gave cause.
  struct Record {
    std::uint64_t broken = 0;
    sip::AnomalySet kinds;
    std::vector<std::int64_t> times;  // of broken ones, up to a cap
    FrameRef first_broken, last_broken;
    std::array<Hit, kInjectedCount> hits;
    std::uint64_t carrying = 0;  // messages with at least one of them
    FrameRef last_hit;
    std::vector<IpAddress> targets;
    Hit odd_port;
    std::vector<std::int64_t> amplified;
    Hit amplification;
  };
  struct Sender {
    IpAddress address;
    std::uint64_t requests = 0;
    std::unique_ptr<Record> record;
    Record& cause() {
      if (record == nullptr) record = std::make_unique<Record>();
      return *record;
    }
  };
  struct Host {
    Timestamp last_answer;
    Timestamp last_request;
  };
  struct Stray {  // answers to one host that asked nobody
    std::uint64_t count = 0;
    std::vector<std::int64_t> times;
    std::vector<IpAddress> servers;
    FrameRef first, last;
  };
  struct Case;
  void conclude_strays(Casework& work);
  static void find_injected(Case& one);
  bool fell_silent(const IpAddress& target, const Record& record);
  void raise_fuzzing(Case& one);
  static void raise_injection(Case& one);
  static void tell_odd_port(const Case& one);
  static void tell_amplification(const Case& one);
  Sender* sender_of(const IpAddress& address);
  void look_for_commands(Sender& sender, const dissect::SipEvent& event);
  void hit(Sender& sender, Injected what, const dissect::SipEvent& event, std::string_view field,
           std::string_view text);

  std::size_t cap_;
  Timestamp last_;  // seen
  FlatMap<IpAddress, std::uint32_t> index_;
  std::vector<Sender> senders_;
  FlatMap<IpAddress, Host> hosts_;
  FlatMap<IpAddress, Stray> strays_;
};

}  // namespace voip::analyze::fraud
