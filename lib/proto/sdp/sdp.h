#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace voip::sdp {

// RFC 8866. All views borrow the text; lists borrow the parser.

struct Connection {
  std::string_view address;  // without TTL; may be a host name
  bool ipv6 = false;
};

enum class Direction : std::uint8_t { kSendRecv, kSendOnly, kRecvOnly, kInactive };

struct RtpMap {  // a=rtpmap, RFC 8866 section 6.6
  std::uint8_t payload_type = 0;
  std::string_view encoding;  // as sent
  std::uint32_t clock_rate = 0;
  std::string_view parameters;  // channels
};

struct Fmtp {  // a=fmtp
  std::uint8_t payload_type = 0;
  std::string_view parameters;
};

struct Crypto {  // a=crypto, RFC 4568 section 9.1
  std::string_view tag;
  std::string_view suite;
  std::string_view key_params;      // "inline:...|2^20|1:4", several joined by ';'
  std::string_view session_params;  // the rest, blank-separated
};

struct Fingerprint {       // a=fingerprint, RFC 8122 section 5
  std::string_view hash;   // "sha-256", as sent
  std::string_view value;  // hex pairs with colons, as sent
};

struct Candidate {  // a=candidate, RFC 8839 section 5.1
  std::string_view foundation;
  unsigned component = 0;
  std::string_view transport;
  std::string_view address;
  std::uint16_t port = 0;
  std::string_view type;
};

struct Attribute {
  std::string_view name;
  std::string_view value;  // empty for a flag
};

struct Media {
  std::string_view kind;  // "audio"
  std::uint16_t port = 0;
  unsigned port_count = 1;
  std::string_view protocol;                   // "RTP/SAVP"
  std::string_view formats;                    // blank-separated, as sent
  Connection connection;                       // of the media, else of the session
  Direction direction = Direction::kSendRecv;  // of the media, else of the session
  std::span<const RtpMap> rtpmaps;
  std::span<const Fmtp> fmtps;
  std::span<const Crypto> cryptos;
  std::span<const Fingerprint> fingerprints;  // media level if it has any, else the session's
  bool fingerprints_from_session = false;
  std::string_view setup;                  // a=setup: media, else session
  std::optional<std::uint16_t> rtcp_port;  // a=rtcp
  std::string_view rtcp_address;
  bool rtcp_mux = false;
  std::span<const std::string_view> zrtp_hashes;  // values of a=zrtp-hash; media, else session
  std::string_view key_mgmt;                      // a=key-mgmt value (media, else session)
  std::string_view ice_ufrag, ice_pwd;            // media, else session
  std::span<const Candidate> candidates;
  std::string_view mid;
  std::string_view ptime;
  std::span<const Attribute> attributes;  // all a= lines of the media section
};

enum class Anomaly : std::uint8_t {
  kNoVersion,
  kBadVersion,
  kNoOrigin,
  kBadMedia,
  kBadPort,
  kBadConnection,
  kNoConnection,
  kBadRtpMap,
  kBadFmtp,
  kBadCrypto,
  kBadFingerprint,
  kBadCandidate,
  kBadRtcp,
  kTooMany,
  kBadLine,
  kNulByte,
};
std::string_view to_string(Anomaly anomaly);

struct Description {
  std::string_view origin_user, session_id, session_version, origin_address;
  Connection connection;
  std::string_view session_name;
  std::span<const Media> media;
  std::span<const Attribute> attributes;  // session level
  std::string_view group;                 // a=group, first ("BUNDLE 0 1")
  std::uint32_t anomalies = 0;            // bits of Anomaly
  bool has(Anomaly a) const { return (anomalies >> static_cast<unsigned>(a) & 1) != 0; }
};

// Static payload types of RFC 3551 section 6; empty for unassigned and dynamic ones.
struct StaticPayload {
  std::string_view encoding;
  std::uint32_t clock_rate = 0;
};
std::optional<StaticPayload> static_payload(std::uint8_t payload_type);

// Keeps its lists' storage from text to text.
class Parser {
 public:
  explicit Parser(std::size_t max_media = 64, std::size_t max_attributes = 1024);
  ~Parser();
  Parser(Parser&&) noexcept;
  Parser& operator=(Parser&&) noexcept;
  // Error: no line of SDP in it. Anything better parses as far as it goes, with anomalies.
  Parsed<Description> parse(std::string_view text);

 private:
  std::size_t max_media_;
  std::size_t max_attributes_;
  struct Ranges;
  class Reading;
  std::vector<Media> media_;
  std::vector<RtpMap> rtpmaps_;
  std::vector<Fmtp> fmtps_;
  std::vector<Crypto> cryptos_;
  std::vector<Fingerprint> fingerprints_;
  std::vector<std::string_view> zrtp_hashes_;
  std::vector<Candidate> candidates_;
  std::vector<Attribute> attributes_;
  std::vector<Ranges> ranges_;
  std::vector<std::optional<Direction>> directions_;
};

}  // namespace voip::sdp
