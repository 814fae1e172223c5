#pragma once

#include <string>
#include <vector>

#include "analyze/fraud/state.h"
#include "base/endpoint.h"
#include "base/frame_ref.h"
#include "session/media.h"

// What comes into one media port of a call, and what leaves it. A call may go on in the next file of a rotated capture,
// where nothing but its packets is seen: what was known of its ports is carried there.
namespace voip::analyze::fraud {

struct PortFlow {
  Endpoint far;
  std::uint32_t ssrc = 0;
  std::uint64_t packets = 0;
  FrameRef first;
  FrameRef last;
};

struct MediaPort {
  Endpoint into;
  std::string call_id;
  std::vector<IpAddress> known;  // that the call's signalling names
  std::vector<PortFlow> in;
  std::vector<PortFlow> out;

  bool knows(const IpAddress& address) const;
  FrameRef last() const;
};

// Somebody whom no SDP names, beside a party that goes on sending.
struct PortStranger {
  const PortFlow* flow = nullptr;
  const PortFlow* owner = nullptr;
  bool owned = false;  // the call's signalling names the owner
};
std::vector<PortStranger> strangers_in(const MediaPort& port);

// Ports of calls that have not ended.
class OpenPorts {
 public:
  void keep(MediaPort port);
  // A stream without signalling: whether it goes on, or begins, at a port of an earlier run's call.
  bool take(const session::MediaStream& stream);
  // The ports of an earlier run that take() found.
  std::vector<const MediaPort*> continued() const;
  void save(StateSection& section) const;
  void load(const StateSection& section);

 private:
  struct Earlier {
    MediaPort port;
    bool touched = false;
  };
  std::vector<MediaPort> open_;
  std::vector<Earlier> earlier_;  // sorted by endpoint
};

}  // namespace voip::analyze::fraud
