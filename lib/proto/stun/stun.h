#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace voip::stun {

inline constexpr std::uint32_t kMagicCookie = 0x2112a442;
inline constexpr std::size_t kHeader = 20;

// RFC 8489 section 5: two bits of the message type.
enum class Class : std::uint8_t { kRequest = 0, kIndication = 1, kSuccess = 2, kError = 3 };

// RFC 8489 section 18.2, RFC 8656 section 17.
enum class Method : std::uint16_t {
  kBinding = 0x001,
  kAllocate = 0x003,
  kRefresh = 0x004,
  kSend = 0x006,
  kData = 0x007,
  kCreatePermission = 0x008,
  kChannelBind = 0x009,
};

struct MessageView {
  Class message_class = Class::kRequest;
  Method method = Method::kBinding;
  ByteView transaction_id;    // 12 bytes
  std::string_view username;  // ICE: "their-ufrag:our-ufrag" as the receiver of the request sees it
  std::string_view realm;
  std::string_view software;
  std::optional<Endpoint> mapped;        // XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS
  std::optional<Endpoint> relayed;       // XOR-RELAYED-ADDRESS
  std::optional<Endpoint> peer;          // XOR-PEER-ADDRESS
  ByteView data;                         // DATA, of Send and Data indications
  std::optional<std::uint16_t> channel;  // CHANNEL-NUMBER
  std::optional<std::uint16_t> error;    // 300..699
  std::optional<std::uint32_t> priority;
  bool use_candidate = false;
  bool controlling = false;
  bool controlled = false;
  bool message_integrity = false;      // one is there; not verified
  std::optional<bool> fingerprint_ok;  // empty when there is none
};

// RFC 8489 section 5 and 6.3: first two bits zero, magic cookie, length a multiple of 4.
bool looks_like_stun(ByteView datagram);
// At most 64 attributes are read. Attributes after MESSAGE-INTEGRITY count too.
Parsed<MessageView> parse(ByteView datagram);

// RFC 8656 section 12.4: channel number 0x4000..0x4fff and length. The data may be followed by padding.
struct ChannelDataView {
  std::uint16_t channel = 0;
  ByteView data;
};
Parsed<ChannelDataView> parse_channel_data(ByteView datagram);

}  // namespace voip::stun
