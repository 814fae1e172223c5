#pragma once

#include <string>
#include <utility>
#include <vector>

#include "analyze/fraud/casework.h"
#include "analyze/fraud/media_ports.h"
#include "session/media.h"

namespace voip::analyze::fraud {

// Media that belongs to no call, or comes from a second source into a running one.
class MediaWatch {
 public:
  explicit MediaWatch(std::size_t cap) : cap_(cap) {}
  void on_rtp(const session::MediaStream& stream);
  void on_call_end(const session::Call& call);
  void on_orphan_end(const session::MediaStream& stream);
  void conclude(Casework& work);
  // Injections and floods of the last day, and the ports of calls that go on. Senders without a call are not: what they
  // do takes minutes.
  void save(StateSection& section) const;
  void load(const StateSection& section);
  std::uint64_t streams() const { return streams_; }
  std::uint64_t odd() const { return injections_.size() + floods_.size() - earlier_; }

 private:
  struct Sender {  // of media that no call claims
    std::vector<Endpoint> ports;
    std::uint64_t streams = 0;
    std::uint64_t packets = 0;
    FrameRef first;
    FrameRef last;
  };
  struct Injection {
    IpAddress source;
    Endpoint into;
    std::string call_id;
    std::uint64_t packets = 0;
    FrameRef first;
    FrameRef last;
    FrameRef stream;  // the one it came into
    bool certain = false;
  };
  struct Flood {
    IpAddress source;
    Endpoint into;
    std::uint64_t packets = 0;
    double rate = 0;
    FrameRef first;
    FrameRef last;
  };
  void note_rate(const session::MediaStream& stream);
  static std::vector<MediaPort> ports_of(const session::Call& call);
  void judge(const MediaPort& port);

  std::size_t cap_;
  std::uint64_t streams_ = 0;
  std::uint64_t earlier_ = 0;  // of an earlier run
  std::size_t restored_ = 0;   // injections of these, the first ones
  FlatMap<IpAddress, std::uint32_t> index_;
  std::vector<std::pair<IpAddress, Sender>> senders_;
  std::vector<Injection> injections_;
  std::vector<Flood> floods_;
  OpenPorts ports_;
};

}  // namespace voip::analyze::fraud
