#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/hash.h"
#include "proto/sdp/sdp.h"

namespace voip::session {

// One codec of an m= line: payload type and what rtpmap, fmtp or RFC 3551 say of it.
struct Codec {
  std::uint8_t payload_type = 0;
  std::string_view encoding;  // as in the SDP, without rate; empty when nothing says
  std::uint32_t clock_rate = 0;
  std::string_view fmtp;
};

// One m= line with what concerns media security. Views borrow the SdpBody that holds it.
struct MediaLine {
  std::string_view kind;
  std::string_view protocol;  // "RTP/SAVP"
  std::uint16_t port = 0;     // 0: refused or switched off
  Endpoint rtp;               // unknown address when c= holds a name
  Endpoint rtcp;              // a=rtcp, the RTP port with rtcp-mux, else the next port
  bool rtcp_mux = false;
  sdp::Direction direction = sdp::Direction::kSendRecv;
  std::vector<Codec> codecs;
  std::vector<sdp::Crypto> cryptos;
  std::vector<sdp::Fingerprint> fingerprints;
  std::string_view setup;
  std::vector<std::string_view> zrtp_hashes;
  std::string_view key_mgmt;
  std::string_view ice_ufrag, ice_pwd;
  std::vector<Endpoint> candidates;
  std::string_view mid;
  bool capability_keying = false;  // RFC 5939: a=tcap or a=pcfg names a secure profile
  std::vector<sdp::Attribute>
      attributes;  // those without a member of their own: extmap, cryptex, capabilities, oldmediaip, label

  // RTP/SAVP, RTP/SAVPF and their UDP/TLS forms.
  bool secure_profile() const;
  bool dtls_profile() const;
  bool rtp_profile() const;  // any of the RTP/... or UDP/TLS/RTP/... profiles
  const Codec* codec(std::uint8_t payload_type) const;
};

// An SDP that outlives its message. Equal texts of one call share one body.
class SdpBody {
 public:
  // Null when the text is no SDP.
  static std::shared_ptr<const SdpBody> make(std::string_view text, sdp::Parser& parser, const TextKey& digest);

  const std::vector<MediaLine>& media() const { return media_; }
  const TextKey& digest() const { return digest_; }
  std::string_view origin_address() const { return origin_address_; }
  bool bundled() const { return bundled_; }

 private:
  std::unique_ptr<char[]> text_;  // never moves, so views into it stay good
  std::vector<MediaLine> media_;
  TextKey digest_;
  std::string_view origin_address_;
  bool bundled_ = false;
};

using SdpPtr = std::shared_ptr<const SdpBody>;

}  // namespace voip::session
