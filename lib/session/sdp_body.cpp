#include "session/sdp_body.h"

#include <algorithm>

#include "base/text.h"

namespace voip::session {

namespace {

constexpr std::size_t kMaxCodecs = 128;
constexpr std::size_t kMaxCandidates = 32;

// The attributes that have no member of their own and that some check asks for.
bool kept(std::string_view name) {
  return name == "extmap" || name == "cryptex" || name == "tcap" || name == "acap" || name == "pcfg" ||
         name == "acfg" || name == "oldmediaip" || name == "label";
}

void add_codecs(const sdp::Media& media, MediaLine& line) {
  line.codecs.reserve(std::min(kMaxCodecs, static_cast<std::size_t>(std::ranges::count(media.formats, ' ')) + 1));
  TextCursor formats{media.formats};
  while (!formats.at_end() && line.codecs.size() < kMaxCodecs) {
    const auto number = parse_number<std::uint8_t>(formats.word());
    formats.skip_blanks();
    if (!number || *number > 127) continue;
    Codec codec;
    codec.payload_type = *number;
    for (const sdp::RtpMap& map : media.rtpmaps) {
      if (map.payload_type != *number) continue;
      codec.encoding = map.encoding;
      codec.clock_rate = map.clock_rate;
    }
    if (codec.encoding.empty()) {
      if (const auto fixed = sdp::static_payload(*number)) {
        codec.encoding = fixed->encoding;
        codec.clock_rate = fixed->clock_rate;
      }
    }
    for (const sdp::Fmtp& fmtp : media.fmtps) {
      if (fmtp.payload_type == *number) codec.fmtp = fmtp.parameters;
    }
    line.codecs.push_back(codec);
  }
}

}  // namespace

bool MediaLine::rtp_profile() const { return protocol.find("RTP/") != std::string_view::npos; }
bool MediaLine::dtls_profile() const {
  return istarts_with(protocol, "UDP/TLS/RTP/") || istarts_with(protocol, "TCP/DTLS/RTP/") ||
         istarts_with(protocol, "TCP/TLS/RTP/");
}
bool MediaLine::secure_profile() const {
  const std::size_t at = protocol.rfind("RTP/");
  return at != std::string_view::npos && istarts_with(protocol.substr(at), "RTP/SAVP");
}

const Codec* MediaLine::codec(std::uint8_t payload_type) const {
  const auto at = std::ranges::find(codecs, payload_type, &Codec::payload_type);
  return at == codecs.end() ? nullptr : &*at;
}

std::shared_ptr<const SdpBody> SdpBody::make(std::string_view text, sdp::Parser& parser, const TextKey& digest) {
  auto body = std::make_shared<SdpBody>();
  body->text_ = std::make_unique<char[]>(text.size() + 1);
  std::ranges::copy(text, body->text_.get());
  body->digest_ = digest;
  const auto parsed = parser.parse({body->text_.get(), text.size()});
  if (!parsed) return nullptr;
  body->origin_address_ = parsed->origin_address;
  body->bundled_ = istarts_with(parsed->group, "BUNDLE");
  body->media_.reserve(parsed->media.size());
  for (const sdp::Media& media : parsed->media) {
    MediaLine& line = body->media_.emplace_back();
    line.kind = media.kind;
    line.protocol = media.protocol;
    line.port = media.port;
    const auto address = IpAddress::parse(media.connection.address);
    line.rtp = Endpoint(address.value_or(IpAddress{}), media.port);
    line.rtcp_mux = media.rtcp_mux;
    const auto rtcp_address = IpAddress::parse(media.rtcp_address);
    const auto next_port = static_cast<std::uint16_t>(media.port == 65535 ? 65535 : media.port + 1);
    line.rtcp = Endpoint(rtcp_address.value_or(line.rtp.address), media.rtcp_port.value_or(next_port));
    line.direction = media.direction;
    add_codecs(media, line);
    line.cryptos.assign(media.cryptos.begin(), media.cryptos.end());
    line.fingerprints.assign(media.fingerprints.begin(), media.fingerprints.end());
    line.setup = media.setup;
    line.zrtp_hashes.assign(media.zrtp_hashes.begin(), media.zrtp_hashes.end());
    line.key_mgmt = media.key_mgmt;
    line.ice_ufrag = media.ice_ufrag;
    line.ice_pwd = media.ice_pwd;
    line.mid = media.mid;
    for (const sdp::Attribute& attribute : media.attributes) {
      if (kept(attribute.name)) line.attributes.push_back(attribute);
    }
    // RFC 8285 section 5 and RFC 9335 section 4: at session level they hold for every line.
    for (const sdp::Attribute& attribute : parsed->attributes) {
      if (attribute.name == "extmap" || attribute.name == "cryptex") line.attributes.push_back(attribute);
    }
    for (const sdp::Candidate& candidate : media.candidates) {
      if (line.candidates.size() >= kMaxCandidates) break;
      if (const auto at = IpAddress::parse(candidate.address)) line.candidates.emplace_back(*at, candidate.port);
    }
    for (const sdp::Attribute& attribute : media.attributes) {
      if ((attribute.name == "tcap" || attribute.name == "acap" || attribute.name == "pcfg") &&
          (attribute.value.find("SAVP") != std::string_view::npos ||
           attribute.value.find("crypto") != std::string_view::npos)) {
        line.capability_keying = true;
      }
    }
  }
  return body;
}

}  // namespace voip::session
