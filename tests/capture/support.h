#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/open.h"

namespace voip::capture::test {

using Bytes = std::vector<std::uint8_t>;

inline std::string testdata(const std::string& name) { return std::string(TESTDATA_DIR) + "/captures/" + name; }

inline Bytes read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return {text.begin(), text.end()};
}

inline void write_file(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary);
  for (const std::uint8_t byte : bytes) out.put(static_cast<char>(byte));
}

// A folder that is gone after the test.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "capture-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

struct Seen {
  Bytes bytes;
  std::uint32_t wire_length = 0;
  LinkType link = LinkType::kEthernet;
  std::uint32_t interface = 0;
  FrameRef frame;
  std::uint64_t offset = 0;
};

struct Run {
  std::vector<Seen> packets;
  std::vector<InputInfo> inputs;
  std::vector<Secrets> secrets;
  std::vector<std::string> notes;
  std::string error;
};

inline Run drain(Result<std::unique_ptr<PacketSource>> source) {
  Run run;
  if (!source) {
    run.error = source.error().message;
    return run;
  }
  Packet packet;
  while ((*source)->next(packet)) {
    run.packets.push_back({.bytes = Bytes(packet.bytes.begin(), packet.bytes.end()),
                           .wire_length = packet.wire_length,
                           .link = packet.link,
                           .interface = packet.interface,
                           .frame = packet.frame,
                           .offset = packet.offset});
  }
  run.inputs = (*source)->inputs();
  run.secrets = (*source)->secrets();
  run.notes = (*source)->notes();
  return run;
}

inline Run read_paths(const std::vector<std::string>& paths, const OpenOptions& options = {}) {
  return drain(open_inputs(paths, options));
}
inline Run read_bytes(const Bytes& bytes, const OpenOptions& options = {}) {
  return drain(open_memory(bytes, options));
}

inline bool tells(const InputInfo& info, std::string_view words) {
  for (const std::string& problem : info.problems) {
    if (problem.find(words) != std::string::npos) return true;
  }
  return false;
}

// --- writing ---

inline void put16(Bytes& out, unsigned value) {
  out.push_back(static_cast<std::uint8_t>(value));
  out.push_back(static_cast<std::uint8_t>(value >> 8));
}
inline void put32(Bytes& out, std::uint32_t value) {
  put16(out, value & 0xffff);
  put16(out, value >> 16);
}
inline void append(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

inline Bytes pcap_header(std::uint32_t link = 1, std::uint32_t snap = 65535) {
  Bytes out;
  put32(out, 0xa1b2c3d4);
  put16(out, 2);
  put16(out, 4);
  put32(out, 0);
  put32(out, 0);
  put32(out, snap);
  put32(out, link);
  return out;
}

inline Bytes pcap_record(std::uint32_t seconds, std::uint32_t micros, const Bytes& frame) {
  Bytes out;
  put32(out, seconds);
  put32(out, micros);
  put32(out, static_cast<std::uint32_t>(frame.size()));
  put32(out, static_cast<std::uint32_t>(frame.size()));
  append(out, frame);
  return out;
}

// `count` packets, `step_ms` apart, each of `size` bytes that hold its number.
inline Bytes pcap(std::uint32_t first_second, std::uint32_t step_ms, std::uint32_t count, std::size_t size = 60) {
  Bytes out = pcap_header();
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t ms = i * step_ms;
    append(out, pcap_record(first_second + ms / 1000, ms % 1000 * 1000, Bytes(size, static_cast<std::uint8_t>(i))));
  }
  return out;
}

inline Bytes block(std::uint32_t type, Bytes body) {
  while (body.size() % 4 != 0) body.push_back(0);
  Bytes out;
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  put32(out, type);
  put32(out, length);
  append(out, body);
  put32(out, length);
  return out;
}

inline Bytes section() {
  Bytes body;
  put32(body, 0x1a2b3c4d);
  put16(body, 1);
  put16(body, 0);
  put32(body, 0xffffffff);
  put32(body, 0xffffffff);
  return block(0x0a0d0d0a, body);
}

inline Bytes interface(unsigned link = 1, std::uint32_t snap = 0, const Bytes& options = {}) {
  Bytes body;
  put16(body, link);
  put16(body, 0);
  put32(body, snap);
  append(body, options);
  return block(1, body);
}

inline Bytes enhanced(std::uint32_t on, std::uint64_t ticks, const Bytes& frame, std::uint32_t captured = 0) {
  Bytes body;
  put32(body, on);
  put32(body, static_cast<std::uint32_t>(ticks >> 32));
  put32(body, static_cast<std::uint32_t>(ticks));
  put32(body, captured != 0 ? captured : static_cast<std::uint32_t>(frame.size()));
  put32(body, static_cast<std::uint32_t>(frame.size()));
  append(body, frame);
  return block(6, body);
}

// `count` packets on one interface, 20 ms apart.
inline Bytes pcapng(std::uint64_t first_second, std::uint32_t count, std::size_t size = 60) {
  Bytes out = section();
  append(out, interface());
  for (std::uint32_t i = 0; i < count; ++i) {
    append(out, enhanced(0, first_second * 1'000'000 + i * 20'000ULL, Bytes(size, static_cast<std::uint8_t>(i))));
  }
  return out;
}

}  // namespace voip::capture::test
