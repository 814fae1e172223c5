#include "proto/sdp/sdp.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

// Of the next CR or LF; the size of the text when there is none. Lines are short: calls into the C library would cost
// more than the search.
std::size_t find_line_end(std::string_view text, std::size_t at) {
#if defined(__SSE2__)
  for (; text.size() - at >= 16; at += 16) {
    __m128i part;
    std::memcpy(&part, text.data() + at, sizeof part);
    const __m128i ends =
        _mm_or_si128(_mm_cmpeq_epi8(part, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(part, _mm_set1_epi8('\r')));
    const auto found = static_cast<unsigned>(_mm_movemask_epi8(ends));
    if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found));
  }
#endif
  return find_any(text, at, '\n', '\r');
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

// One run over a text: what is true of the session so far, and of the section that is being read.
class Parser::Reading {
 public:
  explicit Reading(Parser& lists) : to_(lists) {}
  Parsed<Description> read(std::string_view text);

 private:
  void odd(Anomaly anomaly) { result_.anomalies |= std::uint32_t{1} << static_cast<unsigned>(anomaly); }
  bool in_session() const { return to_.media_.empty(); }
  Media& level() { return in_session() ? session_ : to_.media_.back(); }
  Ranges& ranges() { return to_.ranges_.back(); }
  template <class T>
  static void append(std::vector<T>& list, Stretch& stretch, const T& item) {
    list.push_back(item);
    ++stretch.end;
  }

  void line(std::string_view line);
  void begin_media(std::string_view value);
  void origin(std::string_view value);
  void attribute(std::string_view value);
  void rtpmap(std::string_view content);
  void rtcp(std::string_view content);
  void fmtp(std::string_view content);
  void fingerprint(std::string_view content);
  void crypto(std::string_view content);
  void candidate(std::string_view content);
  void settle(Media& media, const Ranges& ranges, std::optional<Direction> direction);

  Parser& to_;
  Description result_;
  Media session_;  // what media sections inherit, and lines of the session level only
  std::optional<Direction> session_direction_;
  bool has_version_ = false;
  bool has_origin_ = false;
  bool understood_ = false;
  bool skipping_ = false;  // a media section beyond the cap
};

Parsed<Description> Parser::parse(std::string_view text) {
  media_.clear();
  rtpmaps_.clear();
  fmtps_.clear();
  cryptos_.clear();
  fingerprints_.clear();
  zrtp_hashes_.clear();
  candidates_.clear();
  attributes_.clear();
  directions_.clear();
  ranges_.clear();
  ranges_.emplace_back();  // the session's
  return Reading(*this).read(text);
}

Parsed<Description> Parser::Reading::read(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) odd(Anomaly::kNulByte);
  for (std::size_t at = 0; at < text.size();) {
    // CRLF, LF and CR all end a line.
    const std::size_t line_end = find_line_end(text, at);
    const std::string_view one = text.substr(at, line_end - at);
    at = line_end + 1;
    if (!one.empty()) line(one);
  }
  if (!understood_) return ParseError{Malformed::kMissing, 0, "sdp"};
  if (!has_version_) odd(Anomaly::kNoVersion);
  if (!has_origin_) odd(Anomaly::kNoOrigin);

  result_.connection = session_.connection;
  result_.attributes = span_of(to_.attributes_, to_.ranges_.front().attributes);
  for (std::size_t i = 0; i < to_.media_.size(); ++i) settle(to_.media_[i], to_.ranges_[i + 1], to_.directions_[i]);
  result_.media = to_.media_;
  return result_;
}

void Parser::Reading::line(std::string_view line) {
  if (line.size() < 2 || line[1] != '=' || !is_alpha(line[0])) return odd(Anomaly::kBadLine);
  std::string_view value = line.substr(2);
  while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
  if (value.empty() && line[0] != 's' && line[0] != 'i') odd(Anomaly::kBadLine);
  if (line[0] == 'm') return begin_media(value);
  if (skipping_) return;
  switch (line[0]) {
    case 'v':
      has_version_ = true;
      if (value != "0") odd(Anomaly::kBadVersion);
      break;
    case 'o':
      if (!in_session() || has_origin_) return;
      origin(value);
      break;
    case 's':
      if (in_session()) result_.session_name = value;
      break;
    case 'c':
      // Of several (layered multicast) the first counts.
      if (level().connection.address.empty() && !read_connection(value, level().connection)) {
        odd(Anomaly::kBadConnection);
      }
      break;
    case 'a': attribute(value); break;
    default: return;
  }
  understood_ = true;
}

void Parser::Reading::begin_media(std::string_view value) {
  understood_ = true;
  if (to_.media_.size() >= to_.max_media_) {
    odd(Anomaly::kTooMany);
    skipping_ = true;
    return;
  }
  Media media;
  if (!read_media_line(value, media)) odd(media.protocol.empty() ? Anomaly::kBadMedia : Anomaly::kBadPort);
  if (media.protocol.empty() || media.formats.empty()) odd(Anomaly::kBadMedia);
  to_.media_.push_back(media);
  to_.directions_.emplace_back();
  const auto end_of = [](const auto& list) { return Stretch{list.size(), list.size()}; };
  to_.ranges_.push_back({.rtpmaps = end_of(to_.rtpmaps_),
                         .fmtps = end_of(to_.fmtps_),
                         .cryptos = end_of(to_.cryptos_),
                         .fingerprints = end_of(to_.fingerprints_),
                         .zrtp_hashes = end_of(to_.zrtp_hashes_),
                         .candidates = end_of(to_.candidates_),
                         .attributes = end_of(to_.attributes_)});
}

void Parser::Reading::origin(std::string_view value) {
  has_origin_ = true;
  result_.origin_user = first_word(value);
  result_.session_id = first_word(value);
  result_.session_version = first_word(value);
  (void)first_word(value);  // IN
  (void)first_word(value);  // IP4 or IP6
  result_.origin_address = first_word(value);
  if (result_.origin_address.empty()) odd(Anomaly::kBadLine);
}

void Parser::Reading::attribute(std::string_view value) {
  if (to_.attributes_.size() >= to_.max_attributes_) return odd(Anomaly::kTooMany);
  const std::size_t colon = value.find(':');
  const std::string_view name = value.substr(0, colon);
  const std::string_view raw = colon == std::string_view::npos ? std::string_view{} : value.substr(colon + 1);
  append(to_.attributes_, ranges().attributes, {name, raw});
  if (name.empty()) return odd(Anomaly::kBadLine);
  const std::string_view content = trim(raw);
  switch (name.front()) {
    case 'r':
      if (name == "rtpmap") rtpmap(content);
      if (name == "rtcp") rtcp(content);
      if (name == "rtcp-mux") level().rtcp_mux = true;
      break;
    case 'f':
      if (name == "fmtp") fmtp(content);
      if (name == "fingerprint") fingerprint(content);
      break;
    case 'c':
      if (name == "crypto") crypto(content);
      if (name == "candidate") candidate(content);
      break;
    case 's':
      if (name == "setup") level().setup = content;
      break;
    case 'z':
      if (name == "zrtp-hash") append(to_.zrtp_hashes_, ranges().zrtp_hashes, content);
      break;
    case 'k':
      if (name == "key-mgmt" && level().key_mgmt.empty()) level().key_mgmt = content;
      break;
    case 'm':
      if (name == "mid") level().mid = content;
      break;
    case 'p':
      if (name == "ptime") level().ptime = content;
      break;
    case 'g':
      if (name == "group" && in_session() && result_.group.empty()) result_.group = content;
      break;
    case 'i':
      if (name == "ice-ufrag") level().ice_ufrag = content;
      if (name == "ice-pwd") level().ice_pwd = content;
      break;
    default: break;
  }
  if (const auto direction = read_direction(name)) {
    (in_session() ? session_direction_ : to_.directions_.back()) = direction;
  }
}

void Parser::Reading::rtpmap(std::string_view content) {
  RtpMap map;
  if (!read_rtpmap(content, map)) odd(Anomaly::kBadRtpMap);
  if (!map.encoding.empty()) append(to_.rtpmaps_, ranges().rtpmaps, map);
}

void Parser::Reading::rtcp(std::string_view content) {
  level().rtcp_port = parse_number<std::uint16_t>(first_word(content));
  if (!level().rtcp_port) odd(Anomaly::kBadRtcp);
  if (content.empty()) return;
  Connection connection;
  if (!read_connection(content, connection)) return odd(Anomaly::kBadRtcp);
  level().rtcp_address = connection.address;
}

void Parser::Reading::fmtp(std::string_view content) {
  const auto type = read_payload_type(first_word(content));
  if (!type) return odd(Anomaly::kBadFmtp);
  append(to_.fmtps_, ranges().fmtps, {*type, content});
}

void Parser::Reading::fingerprint(std::string_view content) {
  Fingerprint fingerprint;
  if (!read_fingerprint(content, fingerprint)) odd(Anomaly::kBadFingerprint);
  if (!fingerprint.hash.empty()) append(to_.fingerprints_, ranges().fingerprints, fingerprint);
}

void Parser::Reading::crypto(std::string_view content) {
  Crypto crypto;
  if (!read_crypto(content, crypto)) odd(Anomaly::kBadCrypto);
  if (!crypto.suite.empty()) append(to_.cryptos_, ranges().cryptos, crypto);
}

void Parser::Reading::candidate(std::string_view content) {
  Candidate candidate;
  if (!read_candidate(content, candidate)) return odd(Anomaly::kBadCandidate);
  append(to_.candidates_, ranges().candidates, candidate);
}

// Gives a media section its lists, and from the session what it does not say itself.
void Parser::Reading::settle(Media& media, const Ranges& ranges, std::optional<Direction> direction) {
  const Ranges& of_session = to_.ranges_.front();
  if (media.connection.address.empty()) media.connection = session_.connection;
  if (media.connection.address.empty() && media.port != 0) odd(Anomaly::kNoConnection);
  media.direction = direction.value_or(session_direction_.value_or(Direction::kSendRecv));
  media.rtpmaps = span_of(to_.rtpmaps_, ranges.rtpmaps);
  media.fmtps = span_of(to_.fmtps_, ranges.fmtps);
  media.cryptos = span_of(to_.cryptos_, ranges.cryptos);
  media.candidates = span_of(to_.candidates_, ranges.candidates);
  media.attributes = span_of(to_.attributes_, ranges.attributes);
  media.fingerprints = span_of(to_.fingerprints_, ranges.fingerprints);
  if (media.fingerprints.empty()) {
    media.fingerprints = span_of(to_.fingerprints_, of_session.fingerprints);
    media.fingerprints_from_session = !media.fingerprints.empty();
  }
  media.zrtp_hashes = span_of(to_.zrtp_hashes_, ranges.zrtp_hashes);
  if (media.zrtp_hashes.empty()) media.zrtp_hashes = span_of(to_.zrtp_hashes_, of_session.zrtp_hashes);
  const auto inherit = [](std::string_view& own, std::string_view sessions) {
    if (own.empty()) own = sessions;
  };
  inherit(media.setup, session_.setup);
  inherit(media.key_mgmt, session_.key_mgmt);
  inherit(media.ice_ufrag, session_.ice_ufrag);
  inherit(media.ice_pwd, session_.ice_pwd);
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
