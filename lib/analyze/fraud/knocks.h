#pragma once

#include <cstdint>
#include <vector>

#include "analyze/fraud/casework.h"
#include "session/observer.h"

namespace voip::analyze::fraud {

// Who opens TCP connections to SIP ports to find out what listens there: with HTTP, with the greetings of other
// services, with TLS offers that are never used. And SIP that hides in HTTP (FRAUD-004, FRAUD-036).
class KnockWatch {
 public:
  explicit KnockWatch(std::size_t cap) : cap_(cap) {}
  // Where SIP is spoken over TCP and TLS.
  void on_message(const dissect::SipEvent& event);
  void on_other_stream(const dissect::OtherStream& stream);
  void on_tls(const dissect::TlsFlow& flow);
  void conclude(Casework& work);

 private:
  struct Knock {
    dissect::Opening opening = dissect::Opening::kNone;  // kNone: TLS that was not opened
    bool secure = false;
    bool established = false;
    std::uint64_t offer = 0;
    Endpoint server;
    FrameRef frame;
  };
  struct Hidden {  // SIP in an HTTP POST
    std::uint64_t count = 0;
    bool begins_segment = false;
    std::vector<IpAddress> servers;
    FrameRef first, last;
  };
  struct Client {
    IpAddress address;
    std::vector<Knock> knocks;  // the first ones, up to a cap
    Hidden hidden;
  };

  Client* client_of(const IpAddress& address);
  bool serves_sip(const Endpoint& server) const;
  // Who knocks at SIP ports, and is no stranger, knocks for a reason.
  static bool at_work(const Casework& work, const IpAddress& client);
  void conclude_probe(Casework& work, const Client& client, std::uint64_t& unread) const;
  static void conclude_hidden(Casework& work, const Client& client);

  std::size_t cap_;
  FlatMap<IpAddress, std::uint32_t> index_;
  std::vector<Client> clients_;
  std::vector<Endpoint> servers_;  // of SIP over TCP and TLS, few
};

}  // namespace voip::analyze::fraud
