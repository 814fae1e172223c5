#include "cli/annotate.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "render/unicode.h"

namespace voip::cli {

namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kPacket = 6;
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kName = 2;
constexpr std::uint16_t kResolution = 9;
constexpr std::uint16_t kApplication = 4;
constexpr std::size_t kLongestComment = 2000;
constexpr std::size_t kCommentsPerPacket = 32;

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
  put16(out, code);
  put16(out, static_cast<std::uint16_t>(text.size()));
  out += text;
  pad(out);
}

void block(render::Output& out, std::uint32_t type, const std::string& body) {
  std::string whole;
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  put32(whole, type);
  put32(whole, length);
  whole += body;
  put32(whole, length);
  out.write(whole);
}

// A HEP message of an archive has no packet around it: it gets the one in which agents send it.
std::string wrapped_hep(ByteView hep) {
  constexpr std::size_t kHeaders = 28;
  constexpr std::uint16_t kPort = 9060;
  if (hep.size() > 0xffff - kHeaders) return {};
  const auto be16 = [](std::string& out, std::size_t value) {
    out += static_cast<char>(value >> 8 & 0xff);
    out += static_cast<char>(value & 0xff);
  };
  std::string packet{'\x45', '\0'};
  be16(packet, hep.size() + kHeaders);
  packet += std::string{'\0',   '\0', '\0', '\0',   '\x40', '\x11', '\0', '\0',
                        '\x7f', '\0', '\0', '\x01', '\x7f', '\0',   '\0', '\x01'};
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 20; i += 2)
    sum += (static_cast<std::uint32_t>(static_cast<unsigned char>(packet[i])) << 8) +
           static_cast<unsigned char>(packet[i + 1]);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
  packet[10] = static_cast<char>(sum >> 8);
  packet[11] = static_cast<char>(sum & 0xff);
  be16(packet, kPort);
  be16(packet, kPort);
  be16(packet, hep.size() + 8);
  be16(packet, 0);
  packet += as_text(hep);
  return packet;
}

std::string comment_of(const report::Finding& finding, const report::Evidence& evidence) {
  std::string text =
      fmt::format("{} {} [{}]", finding.rule->id, finding.rule->name, report::to_string(finding.severity));
  if (finding.status != report::FindingStatus::kNew) text += fmt::format(" ({})", report::to_string(finding.status));
  text += ": ";
  unsigned columns = 0;
  render::append_for_terminal(text, finding.message, columns);
  if (!evidence.note.empty()) {
    text += " (";
    render::append_for_terminal(text, evidence.note, columns);
    text += ')';
  }
  if (text.size() > kLongestComment) {
    std::size_t end = kLongestComment;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside a character
    text.resize(end);
    text += "...";
  }
  return text;
}

class Writer {
 public:
  Writer(const report::Report& report, render::Output& out) : report_(report), out_(out) {
    std::string body;
    put32(body, 0x1a2b3c4d);
    put16(body, 1);
    put16(body, 0);
    put32(body, 0xffffffff);
    put32(body, 0xffffffff);
    option(body, kApplication, fmt::format("{} {}", report.tool, report.version));
    put32(body, 0);
    block(out_, kSectionHeader, body);
  }

  // False when the packet can't be written.
  bool write(const capture::Packet& packet, const std::vector<std::string>& comments) {
    ByteView bytes = packet.bytes;
    capture::LinkType link = packet.link;
    std::uint32_t wire_length = packet.wire_length;
    std::string wrapped;
    if (link == capture::LinkType::kHepFrame) {
      wrapped = wrapped_hep(bytes);
      if (wrapped.empty()) return false;
      bytes = as_bytes(wrapped);
      link = capture::LinkType::kIpv4;
      wire_length = static_cast<std::uint32_t>(bytes.size());
    }
    const std::uint32_t interface = interface_of(packet.frame.input, link);
    std::string body;
    put32(body, interface);
    const auto ns = packet.frame.time.known() ? static_cast<std::uint64_t>(packet.frame.time.ns) : 0;
    put32(body, static_cast<std::uint32_t>(ns >> 32));
    put32(body, static_cast<std::uint32_t>(ns & 0xffffffff));
    put32(body, static_cast<std::uint32_t>(bytes.size()));
    put32(body, wire_length);
    body += as_text(bytes);
    pad(body);
    option(body, kComment, fmt::format("{} #{}", path_of(packet.frame.input), packet.frame.number));
    for (std::size_t i = 0; i < comments.size() && i < kCommentsPerPacket; ++i) option(body, kComment, comments[i]);
    if (comments.size() > kCommentsPerPacket) {
      option(body, kComment, fmt::format("and {} more", comments.size() - kCommentsPerPacket));
    }
    put32(body, 0);
    block(out_, kPacket, body);
    return true;
  }

 private:
  std::string path_of(std::uint32_t input) const {
    std::string text;
    unsigned columns = 0;
    if (input < report_.inputs.size()) render::append_for_terminal(text, report_.inputs[input].path, columns);
    return text;
  }

  std::uint32_t interface_of(std::uint32_t input, capture::LinkType link) {
    const auto [at, made] = interfaces_.try_emplace({input, link}, static_cast<std::uint32_t>(interfaces_.size()));
    if (made) {
      std::string body;
      put16(body, static_cast<std::uint16_t>(link));
      put16(body, 0);
      put32(body, 0);  // no snap length
      option(body, kName, path_of(input));
      option(body, kResolution, std::string(1, '\x09'));
      put32(body, 0);
      block(out_, kInterface, body);
    }
    return at->second;
  }

  const report::Report& report_;
  render::Output& out_;
  std::map<std::pair<std::uint32_t, capture::LinkType>, std::uint32_t> interfaces_;
};

}  // namespace

Result<std::uint64_t> annotate(const report::Report& report, const std::vector<std::string>& inputs,
                               const capture::OpenOptions& options, render::Output& out) {
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::vector<std::string>> wanted;
  for (const report::Finding& finding : report.collector->findings()) {
    if (!report.listed(finding)) continue;
    for (const report::Evidence& evidence : finding.evidence) {
      if (!evidence.frame.known()) continue;
      wanted[{evidence.frame.input, evidence.frame.number}].push_back(comment_of(finding, evidence));
    }
  }
  Writer writer{report, out};
  std::uint64_t missing = wanted.size();
  if (wanted.empty()) return missing;
  auto source = capture::open_inputs(inputs, options);
  if (!source) return source.error();
  capture::Packet packet;
  while (missing != 0 && (*source)->next(packet)) {
    const auto found = wanted.find({packet.frame.input, packet.frame.number});
    if (found == wanted.end() || found->second.empty()) continue;
    if (writer.write(packet, found->second)) --missing;
    found->second.clear();
  }
  return missing;
}

}  // namespace voip::cli
