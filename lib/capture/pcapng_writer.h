#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "capture/source.h"

namespace voip::capture {

// Packets as pcapng (draft-ietf-opsawg-pcapng), nanoseconds, one interface for each input and link type. The bytes are
// appended to the strings that are handed in; what becomes of them is the caller's.
class PcapngWriter {
 public:
  // application: for the section's header. names: of the inputs, by FrameRef::input; untrusted text must be safe by
  // now.
  PcapngWriter(std::string application, std::vector<std::string> names)
      : application_(std::move(application)), names_(std::move(names)) {}

  // The section's header; write does it before the first packet, where nobody did.
  void begin(std::string& out);
  void write(const Packet& packet, const std::vector<std::string>& comments, std::string& out);

 private:
  std::string_view name_of(std::uint32_t input) const {
    return input < names_.size() ? std::string_view{names_[input]} : std::string_view{};
  }
  std::uint32_t interface_of(std::uint32_t input, LinkType link, std::string& out);

  std::string application_;
  std::vector<std::string> names_;
  bool begun_ = false;
  std::map<std::pair<std::uint32_t, LinkType>, std::uint32_t> interfaces_;
};

// An IPv4 or IPv6 packet with a UDP datagram around a message that came without packets. Empty when it is too long.
std::string wrap_udp(const Endpoint& src, const Endpoint& dst, ByteView payload);

}  // namespace voip::capture
