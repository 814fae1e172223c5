#include "capture/pcapng_writer.h"

#include <algorithm>
#include <utility>

namespace voip::capture {

namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kPacket = 6;
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kName = 2;
constexpr std::uint16_t kApplication = 4;
constexpr std::uint16_t kResolution = 9;
constexpr std::size_t kLongestOption = 2000;

void put16(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value & 0xff);
  out += static_cast<char>(value >> 8);
}
void put32(std::string& out, std::uint32_t value) {
  put16(out, static_cast<std::uint16_t>(value & 0xffff));
  put16(out, static_cast<std::uint16_t>(value >> 16));
}
void pad(std::string& out) {
  while (out.size() % 4 != 0) out += '\0';
}
void option(std::string& out, std::uint16_t code, std::string_view text) {
  std::size_t size = std::min(text.size(), kLongestOption);
  while (size < text.size() && size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  put16(out, code);
  put16(out, static_cast<std::uint16_t>(size));
  out += text.substr(0, size);
  pad(out);
}
void block(std::string& out, std::uint32_t type, const std::string& body) {
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  put32(out, type);
  put32(out, length);
  out += body;
  put32(out, length);
}

void be16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}
std::uint32_t sum_of(std::string_view bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << 8;
    if (i + 1 < bytes.size()) sum += static_cast<unsigned char>(bytes[i + 1]);
  }
  return sum;
}
std::size_t folded(std::uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
}

}  // namespace

std::uint32_t PcapngWriter::interface_of(std::uint32_t input, LinkType link, std::string& out) {
  const auto [at, made] = interfaces_.try_emplace({input, link}, static_cast<std::uint32_t>(interfaces_.size()));
  if (made) {
    std::string body;
    put16(body, static_cast<std::uint16_t>(link));
    put16(body, 0);
    put32(body, 0);  // no snap length
    if (!name_of(input).empty()) option(body, kName, name_of(input));
    option(body, kResolution, std::string(1, '\x09'));
    put32(body, 0);
    block(out, kInterface, body);
  }
  return at->second;
}

void PcapngWriter::begin(std::string& out) {
  if (std::exchange(begun_, true)) return;
  std::string body;
  put32(body, 0x1a2b3c4d);
  put16(body, 1);
  put16(body, 0);
  put32(body, 0xffffffff);
  put32(body, 0xffffffff);
  option(body, kApplication, application_);
  put32(body, 0);
  block(out, kSectionHeader, body);
}

void PcapngWriter::write(const Packet& packet, const std::vector<std::string>& comments, std::string& out) {
  begin(out);
  const std::uint32_t interface = interface_of(packet.frame.input, packet.link, out);
  std::string body;
  body.reserve(packet.bytes.size() + 64);
  put32(body, interface);
  const auto ns = packet.frame.time.known() ? static_cast<std::uint64_t>(packet.frame.time.ns) : 0;
  put32(body, static_cast<std::uint32_t>(ns >> 32));
  put32(body, static_cast<std::uint32_t>(ns & 0xffffffff));
  put32(body, static_cast<std::uint32_t>(packet.bytes.size()));
  put32(body, packet.wire_length);
  body += as_text(packet.bytes);
  pad(body);
  for (const std::string& comment : comments) option(body, kComment, comment);
  put32(body, 0);
  block(out, kPacket, body);
}

std::string wrap_udp(const Endpoint& src, const Endpoint& dst, ByteView payload) {
  const bool v4 = src.address.is_v4() && dst.address.is_v4();
  if (payload.size() > 0xffff - 48) return {};
  const std::size_t udp_size = payload.size() + 8;
  const auto address = [v4](const Endpoint& end) {
    const auto& bytes = end.address.bytes();
    return std::string(as_text(v4 ? ByteView{bytes}.last(4) : ByteView{bytes}));
  };
  const std::string addresses = address(src) + address(dst);
  std::string packet;
  if (v4) {
    packet = std::string{'\x45', '\0'};
    be16(packet, udp_size + 20);
    packet += std::string{'\0', '\0', '\x40', '\0', '\x40', '\x11', '\0', '\0'};
    packet += addresses;
    const std::size_t sum = folded(sum_of(packet));
    packet[10] = static_cast<char>(sum >> 8);
    packet[11] = static_cast<char>(sum & 0xff);
  } else {
    packet = std::string{'\x60', '\0', '\0', '\0'};
    be16(packet, udp_size);
    packet += std::string{'\x11', '\x40'};
    packet += addresses;
  }
  std::string udp;
  be16(udp, src.port());
  be16(udp, dst.port());
  be16(udp, udp_size);
  be16(udp, 0);
  udp += as_text(payload);
  std::uint32_t pseudo = sum_of(addresses) + 17 + static_cast<std::uint32_t>(udp_size);
  std::size_t sum = folded(sum_of(udp, pseudo));
  if (sum == 0) sum = 0xffff;
  udp[6] = static_cast<char>(sum >> 8);
  udp[7] = static_cast<char>(sum & 0xff);
  return packet + udp;
}

}  // namespace voip::capture
