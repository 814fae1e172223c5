// The judge against every recorded call: what its .truth.json says of each stream, with the payload types of its SDP,
// without any signalling, and from the first second only.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analyze/srtp/media_judge.h"
#include "base/endpoint.h"
#include "base/text.h"
#include "proto/rtp/rtp.h"

namespace voip::analyze::srtp {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct TrueStream {
  std::string src, dst, codec, suite;
  std::uint32_t ssrc = 0;
  bool encrypted = false;
  bool mixed = false;
  std::uint64_t packets = 0;
};

std::string field(std::string_view object, std::string_view name) {
  const std::size_t at = object.find('"' + std::string{name} + "\":");
  if (at == std::string_view::npos) return {};
  std::string_view rest = object.substr(at + name.size() + 3);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  if (rest.starts_with('"')) return std::string{rest.substr(1, rest.find('"', 1) - 1)};
  return std::string{rest.substr(0, rest.find_first_of(",\n}"))};
}

std::vector<TrueStream> truth_of(const std::string& text) {
  std::vector<TrueStream> streams;
  const std::size_t list = text.find("\"streams\"");
  if (list == std::string::npos) return streams;
  for (std::size_t at = text.find('{', list); at != std::string::npos; at = text.find('{', at)) {
    const std::size_t end = text.find('}', at);
    const std::string object = text.substr(at, end - at);
    at = end;
    std::string ssrc = field(object, "ssrc");
    if (ssrc.empty()) continue;
    if (ssrc.starts_with("0x")) ssrc.erase(0, 2);
    const auto number = parse_number<std::uint32_t>(ssrc, 16);
    const auto packets = parse_number<std::uint64_t>(field(object, "packets"));
    streams.push_back(
        {.src = field(object, "src"),
         .dst = field(object, "dst"),
         .codec = field(object, "codec"),
         .suite = field(object, "suite"),
         .ssrc = number.value_or(0),
         .encrypted = field(object, "encrypted") == "true",
         .mixed = object.find("\"mixed\"") != std::string::npos || object.find("clear_frames") != std::string::npos,
         .packets = packets.value_or(0)});
  }
  return streams;
}

struct Udp {
  std::string src, dst;
  std::string payload;
  FrameRef frame;
};

// Ethernet, IPv4 or IPv6, UDP, no fragments: what the recorded calls have their media in.
std::vector<Udp> udp_of(const std::string& file) {
  std::vector<Udp> found;
  const auto bytes = as_bytes(file);
  if (bytes.size() < 24) return found;
  const auto magic = load_le<std::uint32_t>(bytes.data());
  if (magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) return found;
  const bool nano = magic == 0xa1b23c4d;
  ByteCursor in{bytes.subspan(24)};
  for (std::uint64_t number = 1; in.remaining() >= 16; ++number) {
    const std::int64_t seconds = in.le<std::uint32_t>();
    const std::int64_t fraction = in.le<std::uint32_t>();
    const std::size_t size = in.le<std::uint32_t>();
    in.skip(4);
    ByteCursor frame{in.take(size)};
    frame.skip(12);
    const auto ether = frame.be<std::uint16_t>();
    IpAddress src, dst;
    if (ether == 0x0800) {
      const std::uint8_t first = frame.be<std::uint8_t>();
      frame.skip(5);
      if ((frame.be<std::uint16_t>() & 0x3fff) != 0) continue;
      frame.skip(1);
      if (frame.be<std::uint8_t>() != 17) continue;
      frame.skip(2);
      src = IpAddress::from_bytes(frame.take(4));
      dst = IpAddress::from_bytes(frame.take(4));
      frame.skip((first & 0x0fU) * 4U - 20U);
    } else if (ether == 0x86dd) {
      frame.skip(6);
      if (frame.be<std::uint8_t>() != 17) continue;
      frame.skip(1);
      src = IpAddress::from_bytes(frame.take(16));
      dst = IpAddress::from_bytes(frame.take(16));
    } else {
      continue;
    }
    const auto sport = frame.be<std::uint16_t>();
    const auto dport = frame.be<std::uint16_t>();
    const auto length = frame.be<std::uint16_t>();
    frame.skip(2);
    if (!frame.ok() || length < 8) continue;
    const ByteView payload = first_bytes(frame.rest(), length - 8U);
    found.push_back({.src = Endpoint{src, sport}.to_string(),
                     .dst = Endpoint{dst, dport}.to_string(),
                     .payload = std::string{as_text(payload)},
                     .frame = {0, number, {seconds * kNsPerSecond + fraction * (nano ? 1 : 1000)}}});
  }
  return found;
}

std::vector<CodecHint> hints_of(const std::string& file) {
  std::vector<CodecHint> hints;
  for (std::size_t at = file.find("a=rtpmap:"); at != std::string::npos; at = file.find("a=rtpmap:", at)) {
    at += 9;
    TextCursor line{std::string_view{file}.substr(at, file.find_first_of("\r\n", at) - at)};
    const auto type = line.number<std::uint8_t>();
    line.skip_blanks();
    const std::string_view name = line.until('/');
    const auto rate = line.number<std::uint32_t>();
    const auto same = [&](const CodecHint& h) { return h.payload_type == type && h.encoding == name; };
    if (line.ok() && std::ranges::none_of(hints, same))
      hints.push_back({.payload_type = type, .encoding = name, .clock_rate = rate});
  }
  return hints;
}

struct Outcome {
  std::size_t streams = 0;
  std::size_t undetermined = 0;
  std::vector<std::string> wrong;
  std::vector<std::string> unsure;
};

void judge_files(Outcome& outcome, bool with_hints, std::size_t most_packets) {
  for (const char* folder : {"/calls", "/srtp"}) {
    const std::filesystem::path root = std::string{TESTDATA_DIR} + folder;
    if (!std::filesystem::exists(root)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      if (entry.path().extension() != ".pcap") continue;
      auto beside = entry.path();
      beside.replace_extension(".truth.json");
      const auto streams = truth_of(read_file(beside));
      if (streams.empty()) continue;
      const std::string file = read_file(entry.path());
      const auto packets = udp_of(file);
      const auto hints = with_hints ? hints_of(file) : std::vector<CodecHint>{};
      for (const TrueStream& stream : streams) {
        MediaJudge judge;
        std::size_t fed = 0;
        for (const Udp& udp : packets) {
          if (udp.src != stream.src || udp.dst != stream.dst || fed >= most_packets) continue;
          const ByteView bytes = as_bytes(udp.payload);
          if (bytes.size() < 2 || (bytes[1] >= 192 && bytes[1] <= 223)) continue;
          const auto packet = rtp::parse(bytes);
          if (!packet.ok() || packet->ssrc != stream.ssrc) continue;
          judge.add(*packet, udp.frame);
          ++fed;
        }
        if (judge.packets() == 0) continue;
        // ZRTP calls begin in clear: of their first packets the verdict on the bulk is no truth.
        if (most_packets < 1000 && entry.path().filename().string().starts_with("zrtp")) continue;
        std::optional<unsigned> overhead;
        if (with_hints && !stream.suite.empty() && stream.suite != "null")
          overhead = stream.suite.find("UNAUTH") != std::string::npos ? 0 : 10;
        const Judgement judgement = judge.judge(hints, overhead);
        CHECK_FALSE(judgement.reason.empty());
        ++outcome.streams;
        const std::string what = entry.path().filename().string() + " " + stream.src + " " + stream.codec + " " +
                                 stream.suite + " " + std::to_string(judge.packets()) + ": " + judgement.reason;
        if (judgement.observed == Observed::kUndetermined) {
          ++outcome.undetermined;
          outcome.unsure.push_back(what);
        } else if ((judgement.observed == Observed::kEncrypted) != stream.encrypted && !stream.mixed) {
          outcome.wrong.push_back(what);
        }
      }
    }
  }
}

void require_right(const Outcome& outcome) {
  CAPTURE(outcome.streams);
  for (const auto& what : outcome.wrong) UNSCOPED_INFO("wrong: " << what);
  for (const auto& what : outcome.unsure) UNSCOPED_INFO("undetermined: " << what);
  CHECK(outcome.wrong.empty());
  CHECK(outcome.streams > 0);
}

TEST_CASE("every recorded stream is judged right with its SDP", "[judge][captures]") {
  Outcome outcome;
  judge_files(outcome, true, 100000);
  if (outcome.streams == 0) return;  // no recordings beside this tree
  require_right(outcome);
  CHECK(outcome.undetermined * 100 <= outcome.streams * 3);
}

TEST_CASE("every recorded stream is judged right without signalling", "[judge][captures]") {
  Outcome outcome;
  judge_files(outcome, false, 100000);
  if (outcome.streams == 0) return;
  require_right(outcome);
  CHECK(outcome.undetermined * 100 <= outcome.streams * 8);
}

TEST_CASE("a stream of a second or less is never judged wrong", "[judge][captures]") {
  for (const std::size_t packets : {std::size_t{3}, std::size_t{12}, std::size_t{50}}) {
    Outcome outcome;
    judge_files(outcome, true, packets);
    require_right(outcome);
    Outcome blind;
    judge_files(blind, false, packets);
    require_right(blind);
  }
}

}  // namespace
}  // namespace voip::analyze::srtp
