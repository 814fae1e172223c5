#include "cli/annotate.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/endpoint.h"
#include "capture/pcapng_writer.h"
#include "render/unicode.h"

namespace voip::cli {

namespace {

constexpr std::size_t kLongestComment = 1990;
constexpr std::size_t kCommentsPerPacket = 32;
constexpr std::uint16_t kHepPort = 9060;

std::string safe(std::string_view untrusted) {
  std::string text;
  unsigned columns = 0;
  render::append_for_terminal(text, untrusted, columns);
  return text;
}

std::string comment_of(const report::Finding& finding, const report::Evidence& evidence) {
  std::string text =
      fmt::format("{} {} [{}]", finding.rule->id, finding.rule->name, report::to_string(finding.severity));
  if (finding.status != report::FindingStatus::kNew) text += fmt::format(" ({})", report::to_string(finding.status));
  text += ": ";
  text += safe(finding.message);
  if (!evidence.note.empty()) text += " (" + safe(evidence.note) + ")";
  if (text.size() > kLongestComment) {
    std::size_t end = kLongestComment;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside a character
    text.resize(end);
    text += "...";
  }
  return text;
}

// The packet's own place first, then what was found in it.
std::vector<std::string> comments_of(const capture::Packet& packet, const std::string& path,
                                     std::vector<std::string> found) {
  const std::size_t more = found.size() > kCommentsPerPacket ? found.size() - kCommentsPerPacket : 0;
  found.resize(found.size() - more);
  if (more != 0) found.push_back(fmt::format("and {} more", more));
  found.insert(found.begin(), fmt::format("{} #{}", path, packet.frame.number));
  return found;
}

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
  std::vector<std::string> names;
  for (const report::Input& input : report.inputs) names.push_back(safe(input.path));
  capture::PcapngWriter writer{fmt::format("{} {}", report.tool, report.version), names};
  std::string bytes;
  writer.begin(bytes);
  out.write(bytes);
  std::uint64_t missing = wanted.size();
  if (wanted.empty()) return missing;
  auto source = capture::open_inputs(inputs, options);
  if (!source) return source.error();
  // A HEP message of an archive has no packet around it: it gets the one in which agents send it.
  const Endpoint agent{IpAddress::v4(0x7f000001), kHepPort};
  capture::Packet packet;
  while (missing != 0 && (*source)->next(packet)) {
    const auto found = wanted.find({packet.frame.input, packet.frame.number});
    if (found == wanted.end() || found->second.empty()) continue;
    std::vector<std::string> comments = std::move(found->second);
    found->second.clear();
    std::string wrapped;
    if (packet.link == capture::LinkType::kHepFrame) {
      wrapped = capture::wrap_udp(agent, agent, packet.bytes);
      if (wrapped.empty()) continue;
      packet.bytes = as_bytes(wrapped);
      packet.link = capture::LinkType::kIpv4;
      packet.wire_length = static_cast<std::uint32_t>(wrapped.size());
    }
    const std::uint32_t input = packet.frame.input;
    bytes.clear();
    writer.write(packet, comments_of(packet, input < names.size() ? names[input] : "", std::move(comments)), bytes);
    out.write(bytes);
    --missing;
  }
  return missing;
}

}  // namespace voip::cli
