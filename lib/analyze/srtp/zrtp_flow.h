#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/frame_ref.h"
#include "proto/zrtp/zrtp.h"

// What a socket pair shows of ZRTP (RFC 6189). Messages with a wrong CRC are counted and otherwise passed over.
namespace voip::analyze::srtp {

// A Hello as one end sent it; an end that speaks several versions sends several.
struct ZrtpHello {
  std::string version;
  std::string client_id;
  std::array<std::uint8_t, 32> sha256{};  // of the message: what a=zrtp-hash gives
  bool mitm = false;
  bool passive = false;
  std::vector<std::string> hashes, ciphers, auth_tags, key_agreements;
  FrameRef frame;
};

struct ZrtpCommit {
  std::string hash, cipher, auth_tag, key_agreement, sas_type;
  FrameRef frame;
};

struct ZrtpParty {
  std::vector<ZrtpHello> hellos;  // distinct ones, at most 8
  std::uint64_t hello_count = 0;
  FrameRef last_hello;
  FrameRef hello_ack;
  ZrtpCommit commit;  // the latest; frame unknown: none
  FrameRef dh_part1, dh_part2, confirm1, confirm2, conf2ack;
  FrameRef go_clear, clear_ack;
  FrameRef error;  // the first one
  std::uint32_t error_code = 0;
  FrameRef sas_relay;
  FrameRef ping;
};

// A stretch of time in which both ends had keys.
struct ZrtpSecure {
  FrameRef from;   // Conf2ACK
  FrameRef until;  // ClearACK (else GoClear); unknown: to the end
};

class ZrtpTrack {
 public:
  static constexpr std::size_t kMostStretches = 16;

  void add(ByteView datagram, bool from_a, const FrameRef& frame);

  std::array<ZrtpParty, 2>& parties() { return parties_; }  // [0] is end a
  const ZrtpParty& party(bool a) const { return parties_[a ? 0 : 1]; }
  const std::vector<ZrtpSecure>& secure() const { return secure_; }
  bool completed() const { return !secure_.empty(); }
  // Both Confirm messages were seen: all but the acknowledgement, which SRTP may stand for (section 4.6).
  bool confirmed() const;
  // The Commit that both ends followed: that of the end which then acted as the initiator. Null when unclear.
  const ZrtpCommit* chosen() const;
  bool initiator_is_a() const;
  // "AES1/HS80"; empty when no Commit was followed.
  std::string suite() const;
  std::uint64_t messages() const { return messages_; }
  std::uint64_t bad_crc() const { return bad_crc_; }

 private:
  void on_hello(const zrtp::PacketView& packet, ZrtpParty& party, const FrameRef& frame);

  std::array<ZrtpParty, 2> parties_;
  std::vector<ZrtpSecure> secure_;
  std::uint64_t messages_ = 0;
  std::uint64_t bad_crc_ = 0;
};

}  // namespace voip::analyze::srtp
