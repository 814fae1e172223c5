#include "proto/sdp/sdp.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace voip::sdp {
namespace {

// A list's stretch in the parser's storage. Spans are made of it at the end, because vectors move as they grow.
struct Stretch {
  std::size_t begin = 0;
  std::size_t end = 0;
};

template <class T>
std::span<const T> span_of(const std::vector<T>& storage, Stretch stretch) {
  return std::span<const T>{storage}.subspan(stretch.begin, stretch.end - stretch.begin);
}

std::string_view first_word(std::string_view& rest) {
  TextCursor in{rest};
  const std::string_view word = in.word();
  in.skip_blanks();
  rest = in.rest();
  return word;
}

// c=IN IP4 192.0.2.1/127 (RFC 8866 section 5.7). Also what follows a port in a=rtcp.
bool read_connection(std::string_view text, Connection& connection) {
  const std::string_view net_type = first_word(text);
  const std::string_view address_type = first_word(text);
  const std::string_view address = first_word(text);
  if (!iequals(net_type, "IN") || address.empty()) return false;
  if (!iequals(address_type, "IP4") && !iequals(address_type, "IP6")) return false;
  connection.ipv6 = iequals(address_type, "IP6");
  connection.address = address.substr(0, address.find('/'));
  return !connection.address.empty();
}

std::optional<std::uint8_t> read_payload_type(std::string_view word) {
  const auto number = parse_number<std::uint8_t>(word);
  return number && *number <= 127 ? number : std::nullopt;
}

bool read_media_line(std::string_view text, Media& media) {
  media.kind = first_word(text);
  const std::string_view port = first_word(text);
  media.protocol = first_word(text);
  media.formats = trim(text);
  const std::size_t slash = port.find('/');
  const auto number = parse_number<std::uint16_t>(port.substr(0, slash));
  if (slash != std::string_view::npos) {
    const auto count = parse_number<std::uint16_t>(port.substr(slash + 1));
    if (count && *count > 0) media.port_count = *count;
  }
  media.port = number.value_or(0);
  return number.has_value();
}

bool read_rtpmap(std::string_view value, RtpMap& map) {
  const auto type = read_payload_type(first_word(value));
  const std::string_view format = first_word(value);
  const std::size_t slash = format.find('/');
  if (!type || slash == std::string_view::npos || slash == 0) return false;
  map.payload_type = *type;
  map.encoding = format.substr(0, slash);
  const std::string_view rest = format.substr(slash + 1);
  const std::size_t second = rest.find('/');
  const auto rate = parse_number<std::uint32_t>(rest.substr(0, second));
  map.clock_rate = rate.value_or(0);
  if (second != std::string_view::npos) map.parameters = rest.substr(second + 1);
  return rate.has_value() && *rate != 0;
}

bool read_crypto(std::string_view value, Crypto& crypto) {
  crypto.tag = first_word(value);
  crypto.suite = first_word(value);
  crypto.key_params = first_word(value);
  crypto.session_params = trim(value);
  return !crypto.key_params.empty() && crypto.key_params.find(':') != std::string_view::npos &&
         std::ranges::all_of(crypto.tag, is_digit) && !crypto.tag.empty();
}

bool read_fingerprint(std::string_view value, Fingerprint& fingerprint) {
  fingerprint.hash = first_word(value);
  fingerprint.value = first_word(value);
  return !fingerprint.value.empty();
}

bool read_candidate(std::string_view value, Candidate& candidate) {
  candidate.foundation = first_word(value);
  const auto component = parse_number<std::uint16_t>(first_word(value));
  candidate.transport = first_word(value);
  (void)first_word(value);  // priority
  candidate.address = first_word(value);
  const auto port = parse_number<std::uint16_t>(first_word(value));
  const std::string_view typ = first_word(value);
  candidate.type = first_word(value);
  candidate.component = component.value_or(0);
  candidate.port = port.value_or(0);
  return component && port && typ == "typ" && !candidate.type.empty();
}

std::optional<Direction> read_direction(std::string_view name) {
  switch (name.size()) {
    case 8:
      if (name == "sendrecv") return Direction::kSendRecv;
      if (name == "sendonly") return Direction::kSendOnly;
      if (name == "recvonly") return Direction::kRecvOnly;
      if (name == "inactive") return Direction::kInactive;
      return std::nullopt;
    default: return std::nullopt;
  }
}

}  // namespace

// Where each list of one level (the session, or a media section) lies.
struct Parser::Ranges {
  Stretch rtpmaps, fmtps, cryptos, fingerprints, zrtp_hashes, candidates, attributes;
};

Parser::Parser(std::size_t max_media, std::size_t max_attributes)
    : max_media_(max_media), max_attributes_(max_attributes) {}
Parser::~Parser() = default;
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;

Parsed<Description> Parser::parse(std::string_view text) {
  media_.clear();
  rtpmaps_.clear();
  fmtps_.clear();
  cryptos_.clear();
  fingerprints_.clear();
  zrtp_hashes_.clear();
  candidates_.clear();
  attributes_.clear();
  ranges_.clear();
  ranges_.emplace_back();  // the session's

  Description result;
  const auto odd = [&result](Anomaly anomaly) {
    result.anomalies |= std::uint32_t{1} << static_cast<unsigned>(anomaly);
  };
  // What media sections inherit, and lines of the session level only.
  Media session;
  bool has_version = false;
  bool has_origin = false;
  bool understood = false;
  bool skipping = false;  // a media section beyond the cap
  std::optional<Direction> session_direction;
  directions_.clear();

  if (text.find('\0') != std::string_view::npos) odd(Anomaly::kNulByte);

  for (std::size_t at = 0; at < text.size();) {
    // CRLF, LF and CR all end a line.
    std::size_t line_end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, line_end - at);
    if (const std::size_t cr = line.find('\r'); cr != std::string_view::npos) {
      line_end = cr + 1 == line.size() ? line_end : at + cr;
      line = line.substr(0, cr);
    }
    at = line_end + 1;
    if (line.empty()) continue;
    if (line.size() < 2 || line[1] != '=' || !is_alpha(line[0])) {
      odd(Anomaly::kBadLine);
      continue;
    }
    std::string_view value = line.substr(2);
    while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
    if (value.empty() && line[0] != 's' && line[0] != 'i') odd(Anomaly::kBadLine);
    if (line[0] == 'm') {
      understood = true;
      if (media_.size() >= max_media_) {
        odd(Anomaly::kTooMany);
        skipping = true;
        continue;
      }
      Media media;
      if (!read_media_line(value, media)) odd(media.protocol.empty() ? Anomaly::kBadMedia : Anomaly::kBadPort);
      if (media.protocol.empty() || media.formats.empty()) odd(Anomaly::kBadMedia);
      media_.push_back(media);
      directions_.emplace_back();
      Ranges ranges;
      ranges.rtpmaps = {rtpmaps_.size(), rtpmaps_.size()};
      ranges.fmtps = {fmtps_.size(), fmtps_.size()};
      ranges.cryptos = {cryptos_.size(), cryptos_.size()};
      ranges.fingerprints = {fingerprints_.size(), fingerprints_.size()};
      ranges.zrtp_hashes = {zrtp_hashes_.size(), zrtp_hashes_.size()};
      ranges.candidates = {candidates_.size(), candidates_.size()};
      ranges.attributes = {attributes_.size(), attributes_.size()};
      ranges_.push_back(ranges);
      continue;
    }
    if (skipping) continue;
    const bool in_session = media_.empty();
    Media& level = in_session ? session : media_.back();
    Ranges& ranges = ranges_.back();
    switch (line[0]) {
      case 'v':
        has_version = true;
        understood = true;
        if (value != "0") odd(Anomaly::kBadVersion);
        break;
      case 'o': {
        if (!in_session || has_origin) break;
        has_origin = true;
        understood = true;
        std::string_view rest = value;
        result.origin_user = first_word(rest);
        result.session_id = first_word(rest);
        result.session_version = first_word(rest);
        (void)first_word(rest);
        (void)first_word(rest);
        result.origin_address = first_word(rest);
        if (result.origin_address.empty()) odd(Anomaly::kBadLine);
        break;
      }
      case 's':
        if (in_session) result.session_name = value;
        understood = true;
        break;
      case 'c':
        understood = true;
        // Of several (layered multicast) the first counts.
        if (level.connection.address.empty() && !read_connection(value, level.connection)) {
          odd(Anomaly::kBadConnection);
        }
        break;
      case 'a': {
        understood = true;
        if (attributes_.size() >= max_attributes_) {
          odd(Anomaly::kTooMany);
          break;
        }
        const std::size_t colon = value.find(':');
        const Attribute attribute{value.substr(0, colon),
                                  colon == std::string_view::npos ? std::string_view{} : value.substr(colon + 1)};
        attributes_.push_back(attribute);
        ++ranges.attributes.end;
        const std::string_view name = attribute.name;
        const std::string_view content = trim(attribute.value);
        if (name.empty()) {
          odd(Anomaly::kBadLine);
          break;
        }
        switch (name.front()) {
          case 'r':
            if (name == "rtpmap") {
              RtpMap map;
              if (!read_rtpmap(content, map)) {
                odd(Anomaly::kBadRtpMap);
              }
              if (!map.encoding.empty()) {
                rtpmaps_.push_back(map);
                ++ranges.rtpmaps.end;
              }
            } else if (name == "rtcp-mux") {
              level.rtcp_mux = true;
            } else if (name == "rtcp") {
              std::string_view rest = content;
              level.rtcp_port = parse_number<std::uint16_t>(first_word(rest));
              if (!level.rtcp_port) odd(Anomaly::kBadRtcp);
              if (!rest.empty()) {
                Connection connection;
                if (read_connection(rest, connection)) {
                  level.rtcp_address = connection.address;
                } else {
                  odd(Anomaly::kBadRtcp);
                }
              }
            }
            break;
          case 'f':
            if (name == "fmtp") {
              std::string_view rest = content;
              const auto type = read_payload_type(first_word(rest));
              if (type) {
                fmtps_.push_back({*type, rest});
                ++ranges.fmtps.end;
              } else {
                odd(Anomaly::kBadFmtp);
              }
            } else if (name == "fingerprint") {
              Fingerprint fingerprint;
              if (!read_fingerprint(content, fingerprint)) odd(Anomaly::kBadFingerprint);
              if (!fingerprint.hash.empty()) {
                fingerprints_.push_back(fingerprint);
                ++ranges.fingerprints.end;
              }
            }
            break;
          case 'c':
            if (name == "crypto") {
              Crypto crypto;
              if (!read_crypto(content, crypto)) odd(Anomaly::kBadCrypto);
              if (!crypto.suite.empty()) {
                cryptos_.push_back(crypto);
                ++ranges.cryptos.end;
              }
            } else if (name == "candidate") {
              Candidate candidate;
              if (read_candidate(content, candidate)) {
                candidates_.push_back(candidate);
                ++ranges.candidates.end;
              } else {
                odd(Anomaly::kBadCandidate);
              }
            }
            break;
          case 's':
            if (name == "setup") level.setup = content;
            break;
          case 'z':
            if (name == "zrtp-hash") {
              zrtp_hashes_.push_back(content);
              ++ranges.zrtp_hashes.end;
            }
            break;
          case 'k':
            if (name == "key-mgmt" && level.key_mgmt.empty()) level.key_mgmt = content;
            break;
          case 'm':
            if (name == "mid") level.mid = content;
            break;
          case 'p':
            if (name == "ptime") level.ptime = content;
            break;
          case 'g':
            if (name == "group" && in_session && result.group.empty()) result.group = content;
            break;
          default: break;
        }
        if (name == "ice-ufrag") {
          level.ice_ufrag = content;
        } else if (name == "ice-pwd") {
          level.ice_pwd = content;
        } else if (const auto direction = read_direction(name)) {
          (in_session ? session_direction : directions_.back()) = direction;
        }
        break;
      }
      default: break;
    }
  }
  if (!understood) return ParseError{Malformed::kMissing, 0, "sdp"};
  if (!has_version) odd(Anomaly::kNoVersion);
  if (!has_origin) odd(Anomaly::kNoOrigin);

  const Ranges& of_session = ranges_.front();
  result.connection = session.connection;
  result.attributes = span_of(attributes_, of_session.attributes);
  for (std::size_t i = 0; i < media_.size(); ++i) {
    Media& media = media_[i];
    const Ranges& ranges = ranges_[i + 1];
    if (media.connection.address.empty()) media.connection = session.connection;
    if (media.connection.address.empty() && media.port != 0) odd(Anomaly::kNoConnection);
    media.direction = directions_[i].value_or(session_direction.value_or(Direction::kSendRecv));
    media.rtpmaps = span_of(rtpmaps_, ranges.rtpmaps);
    media.fmtps = span_of(fmtps_, ranges.fmtps);
    media.cryptos = span_of(cryptos_, ranges.cryptos);
    media.candidates = span_of(candidates_, ranges.candidates);
    media.attributes = span_of(attributes_, ranges.attributes);
    media.fingerprints = span_of(fingerprints_, ranges.fingerprints);
    if (media.fingerprints.empty()) {
      media.fingerprints = span_of(fingerprints_, of_session.fingerprints);
      media.fingerprints_from_session = !media.fingerprints.empty();
    }
    media.zrtp_hashes = span_of(zrtp_hashes_, ranges.zrtp_hashes);
    if (media.zrtp_hashes.empty()) media.zrtp_hashes = span_of(zrtp_hashes_, of_session.zrtp_hashes);
    const auto inherit = [](std::string_view& own, std::string_view sessions) {
      if (own.empty()) own = sessions;
    };
    inherit(media.setup, session.setup);
    inherit(media.key_mgmt, session.key_mgmt);
    inherit(media.ice_ufrag, session.ice_ufrag);
    inherit(media.ice_pwd, session.ice_pwd);
  }
  result.media = media_;
  return result;
}

std::string_view to_string(Anomaly anomaly) {
  switch (anomaly) {
    case Anomaly::kNoVersion: return "no-version";
    case Anomaly::kBadVersion: return "bad-version";
    case Anomaly::kNoOrigin: return "no-origin";
    case Anomaly::kBadMedia: return "bad-media";
    case Anomaly::kBadPort: return "bad-port";
    case Anomaly::kBadConnection: return "bad-connection";
    case Anomaly::kNoConnection: return "no-connection";
    case Anomaly::kBadRtpMap: return "bad-rtpmap";
    case Anomaly::kBadFmtp: return "bad-fmtp";
    case Anomaly::kBadCrypto: return "bad-crypto";
    case Anomaly::kBadFingerprint: return "bad-fingerprint";
    case Anomaly::kBadCandidate: return "bad-candidate";
    case Anomaly::kBadRtcp: return "bad-rtcp";
    case Anomaly::kTooMany: return "too-many";
    case Anomaly::kBadLine: return "bad-line";
    case Anomaly::kNulByte: return "nul-byte";
  }
  return "unknown";
}

std::optional<StaticPayload> static_payload(std::uint8_t payload_type) {
  switch (payload_type) {
    case 0: return StaticPayload{"PCMU", 8000};
    case 3: return StaticPayload{"GSM", 8000};
    case 4: return StaticPayload{"G723", 8000};
    case 5: return StaticPayload{"DVI4", 8000};
    case 6: return StaticPayload{"DVI4", 16000};
    case 7: return StaticPayload{"LPC", 8000};
    case 8: return StaticPayload{"PCMA", 8000};
    case 9: return StaticPayload{"G722", 8000};
    case 10:
    case 11: return StaticPayload{"L16", 44100};
    case 12: return StaticPayload{"QCELP", 8000};
    case 13: return StaticPayload{"CN", 8000};
    case 14: return StaticPayload{"MPA", 90000};
    case 15: return StaticPayload{"G728", 8000};
    case 16: return StaticPayload{"DVI4", 11025};
    case 17: return StaticPayload{"DVI4", 22050};
    case 18: return StaticPayload{"G729", 8000};
    case 25: return StaticPayload{"CelB", 90000};
    case 26: return StaticPayload{"JPEG", 90000};
    case 28: return StaticPayload{"nv", 90000};
    case 31: return StaticPayload{"H261", 90000};
    case 32: return StaticPayload{"MPV", 90000};
    case 33: return StaticPayload{"MP2T", 90000};
    case 34: return StaticPayload{"H263", 90000};
    default: return std::nullopt;
  }
}

}  // namespace voip::sdp
