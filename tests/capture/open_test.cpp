#include <catch2/catch.hpp>
#include <lz4frame.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "support.h"
#include "support/gzip.h"

namespace voip::capture::test {
namespace {

namespace fs = std::filesystem;

using voip::test::gzip;

Bytes zstd(const Bytes& bytes) {
  Bytes out(ZSTD_compressBound(bytes.size()));
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  out.resize(ZSTD_compress2(context, out.data(), out.size(), bytes.data(), bytes.size()));
  ZSTD_freeCCtx(context);
  return out;
}

Bytes xz(const Bytes& bytes) {
  Bytes out(lzma_stream_buffer_bound(bytes.size()));
  std::size_t size = 0;
  REQUIRE(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr, bytes.data(), bytes.size(), out.data(), &size,
                                  out.size()) == LZMA_OK);
  out.resize(size);
  return out;
}

Bytes lz4(const Bytes& bytes) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  Bytes out(LZ4F_compressFrameBound(bytes.size(), &preferences));
  out.resize(LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences));
  return out;
}

struct Packer {
  const char* name;
  Bytes (*pack)(const Bytes&);
};
const std::vector<Packer>& packers() {
  static const std::vector<Packer> kAll{{"gzip", gzip}, {"zstd", zstd}, {"xz", xz}, {"lz4", lz4}};
  return kAll;
}

// Payloads that don't pack to nothing.
Bytes noisy_pcap(std::uint32_t count) {
  Bytes out = pcap_header();
  std::uint32_t state = 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    Bytes frame(200);
    for (std::uint8_t& byte : frame) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::uint8_t>(state >> 24);
    }
    append(out, pcap_record(1000 + i, 0, frame));
  }
  return out;
}

std::vector<std::string> order_of(const Run& run) {
  std::vector<std::string> order;
  for (const Seen& seen : run.packets) {
    order.push_back(std::to_string(seen.frame.input) + "#" + std::to_string(seen.frame.number));
  }
  return order;
}

TEST_CASE("compressed captures give the same packets, also in several members", "[capture]") {
  const Bytes plain = noisy_pcap(3000);
  const Run expected = read_bytes(plain);
  REQUIRE(expected.packets.size() == 3000);
  for (const Packer& packer : packers()) {
    INFO(packer.name);
    const Run run = read_bytes(packer.pack(plain));
    CHECK(run.inputs[0].compression == packer.name);
    CHECK(run.inputs[0].format == "pcap");
    CHECK(run.inputs[0].complete);
    REQUIRE(run.packets.size() == 3000);
    CHECK(run.packets[2999].bytes == expected.packets[2999].bytes);
    CHECK(run.packets[2999].offset == expected.packets[2999].offset);

    const auto middle = plain.begin() + static_cast<std::ptrdiff_t>(plain.size() / 2);
    Bytes members = packer.pack(Bytes(plain.begin(), middle));
    append(members, packer.pack(Bytes(middle, plain.end())));
    const Run joined = read_bytes(members);
    CHECK(joined.packets.size() == 3000);
    CHECK(joined.inputs[0].complete);
    CHECK(joined.inputs[0].bytes == members.size());
  }
}

TEST_CASE("a compressed capture that is cut off is used as far as it unpacks", "[capture]") {
  const Bytes plain = noisy_pcap(3000);
  for (const Packer& packer : packers()) {
    INFO(packer.name);
    Bytes packed = packer.pack(plain);
    packed.resize(packed.size() * 2 / 3);
    const Run run = read_bytes(packed);
    // Coarse: each library hands out whole blocks only.
    CHECK(run.packets.size() > 500);
    CHECK(run.packets.size() < 2100);
    CHECK_FALSE(run.inputs[0].complete);
    CHECK(run.inputs[0].usable);
    CHECK(tells(run.inputs[0], "cut off"));

    for (std::size_t n = 0; n < 120; ++n) {
      const Run prefix = read_bytes(Bytes(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(n)));
      CHECK(prefix.packets.size() < 3);
      CHECK_FALSE(prefix.inputs[0].complete);
    }
  }
}

TEST_CASE("garbage within and behind compressed data is told", "[capture]") {
  const Bytes plain = noisy_pcap(3000);
  for (const Packer& packer : packers()) {
    INFO(packer.name);
    Bytes broken = packer.pack(plain);
    for (std::size_t i = broken.size() / 2; i < broken.size() / 2 + 8; ++i) broken[i] ^= 0xa5;
    const Run run = read_bytes(broken);
    CHECK_FALSE(run.inputs[0].complete);
    CHECK(tells(run.inputs[0], packer.name));

    Bytes trailed = packer.pack(plain);
    append(trailed, Bytes{'g', 'a', 'r', 'b', 'a', 'g', 'e', '!'});
    const Run trailing = read_bytes(trailed);
    CHECK(trailing.packets.size() == 3000);
    CHECK_FALSE(trailing.inputs[0].complete);
  }
  Bytes padded = gzip(plain);
  padded.resize(padded.size() + 5000);
  CHECK(read_bytes(padded).inputs[0].complete);
}

TEST_CASE("a decompression bomb stops at the limits", "[capture]") {
  // 72 MiB of zeros behind a good packet.
  Bytes plain = pcap(1000, 20, 1);
  append(plain, pcap_header());
  plain.resize(72U << 20);
  const Bytes packed = gzip(plain);
  OpenOptions options;
  options.max_ratio = 100;
  const Run by_ratio = read_bytes(packed, options);
  CHECK(by_ratio.packets.size() == 1);
  CHECK_FALSE(by_ratio.inputs[0].complete);
  CHECK(tells(by_ratio.inputs[0], "times its size"));

  options = {};
  options.max_unpacked_bytes = 1U << 20;
  const Run by_size = read_bytes(packed, options);
  CHECK(by_size.packets.size() == 1);
  CHECK(tells(by_size.inputs[0], "1048576 bytes, the limit"));

  // A limit that is exactly reached is none.
  const Bytes small = pcap(1000, 20, 3);
  options.max_unpacked_bytes = small.size();
  CHECK(read_bytes(gzip(small), options).inputs[0].complete);
  options.max_unpacked_bytes = small.size() - 1;
  CHECK_FALSE(read_bytes(gzip(small), options).inputs[0].complete);
}

TEST_CASE("what can't be read is told in its own words and is no error", "[capture]") {
  const TempDir dir;
  const auto foreign = [&dir](const char* name, const Bytes& bytes, const char* words) {
    INFO(name);
    write_file(dir / name, bytes);
    const Run run = read_paths({dir / name});
    REQUIRE(run.inputs.size() == 1);
    CHECK_FALSE(run.inputs[0].usable);
    CHECK_FALSE(run.inputs[0].complete);
    CHECK(run.inputs[0].problems.size() == 1);
    CHECK(tells(run.inputs[0], words));
    CHECK(run.packets.empty());
  };
  Bytes tar(1024);
  std::copy_n("ustar", 5, tar.begin() + 257);
  foreign("empty", {}, "empty");
  foreign("text", {'H', 'e', 'l', 'l', 'o', '\n'}, "text");
  foreign("json", {'{', '"', 'a', '"', ':', '1', '}'}, "JSON");
  foreign("elf", {0x7f, 'E', 'L', 'F', 2, 1, 1, 0}, "ELF");
  foreign("tar", tar, "tar archive");
  foreign("tar.gz", gzip(tar), "What is compressed with gzip: This looks like a tar archive");
  foreign("zip", {'P', 'K', 3, 4, 20, 0}, "ZIP");
  foreign("bz2", {'B', 'Z', 'h', '9', '1', 'A', 'Y'}, "bzip2");
  foreign("twice", gzip(gzip(pcap(1, 1, 1))), "compressed twice");
  foreign("noise", {0x80, 0x81, 0x01, 0x00, 0xff}, "not a capture");
  foreign("navtel", read_file(testdata("navtel.pcap")), "Navtel");
  foreign("zeros", Bytes(64), "zeros");

  CHECK(tells(read_paths({dir / "missing"}).inputs[0], "no such file"));
  fs::create_directory(dir.path() / "nothing");
  CHECK(tells(read_paths({dir / "nothing"}).inputs[0], "no files"));
  write_file(dir / "nothing/readme", {'x', '\n'});
  CHECK(tells(read_paths({dir / "nothing"}).inputs[0], "no capture"));
  if (::geteuid() != 0) {
    write_file(dir / "closed", pcap(1, 1, 1));
    ::chmod((dir / "closed").c_str(), 0);
    CHECK(tells(read_paths({dir / "closed"}).inputs[0], "Permission denied"));
  }
}

TEST_CASE("several inputs come in time order, ties in the order given", "[capture]") {
  const TempDir dir;
  write_file(dir / "a", pcap(1000, 1000, 4));  // 1000 1001 1002 1003
  write_file(dir / "b", pcap(1001, 1000, 2));  // 1001 1002
  write_file(dir / "c", pcap(999, 2000, 3));   // 999 1001 1003
  write_file(dir / "empty", pcap_header());
  const Run run = read_paths({dir / "a", dir / "b", dir / "empty", dir / "c", dir / "gone"});
  CHECK(order_of(run) == std::vector<std::string>{"3#1", "0#1", "0#2", "1#1", "3#2", "0#3", "1#2", "0#4", "3#3"});
  REQUIRE(run.inputs.size() == 5);
  CHECK(run.inputs[0].packets == 4);
  CHECK(run.inputs[2].packets == 0);
  CHECK(run.inputs[2].usable);
  CHECK_FALSE(run.inputs[4].usable);
  CHECK(run.inputs[3].problems.empty());
}

TEST_CASE("within a file its own order stays, and packets without time keep their place", "[capture]") {
  const TempDir dir;
  Bytes unsorted = pcap_header();
  for (const std::uint32_t second : {10U, 5U, 30U}) append(unsorted, pcap_record(second, 0, Bytes(20)));
  write_file(dir / "unsorted", unsorted);
  write_file(dir / "other", pcap(6, 1000, 3));  // 6 7 8
  CHECK(order_of(read_paths({dir / "unsorted", dir / "other"})) ==
        std::vector<std::string>{"1#1", "1#2", "1#3", "0#1", "0#2", "0#3"});

  const auto simple = [] {
    Bytes body;
    put32(body, 8);
    append(body, Bytes(8));
    return block(3, body);
  };
  Bytes untimed = section();
  append(untimed, interface());
  append(untimed, enhanced(0, 7'000'000, Bytes(20)));
  append(untimed, simple());
  append(untimed, enhanced(0, 8'000'000, Bytes(20)));
  write_file(dir / "untimed", untimed);
  CHECK(order_of(read_paths({dir / "other", dir / "untimed"})) ==
        std::vector<std::string>{"0#1", "0#2", "1#1", "1#2", "0#3", "1#3"});
}

TEST_CASE("a directory stands for all captures below it, by name, in its place", "[capture]") {
  const TempDir dir;
  fs::create_directories(dir.path() / "d" / "2");
  write_file(dir / "d/10.pcap", pcap(100, 1000, 1));
  write_file(dir / "d/2/x.pcapng", pcapng(50, 1));
  write_file(dir / "d/3.pcap.gz", gzip(pcap(10, 1000, 1)));
  write_file(dir / "d/notes.txt", {'n', 'o', '\n'});
  write_file(dir / "first.pcap", pcap(200, 1000, 1));
  fs::create_directory_symlink("..", dir.path() / "d" / "2" / "loop");
  fs::create_symlink("nowhere", dir.path() / "d" / "dangling");
  REQUIRE(::mkfifo((dir / "d/pipe").c_str(), 0600) == 0);  // reading it would never end

  const Run run = read_paths({dir / "first.pcap", dir / "d"});
  REQUIRE(run.inputs.size() == 4);
  CHECK(run.inputs[0].path == dir / "first.pcap");
  CHECK(run.inputs[1].path == dir / "d/10.pcap");
  CHECK(run.inputs[2].path == dir / "d/2/x.pcapng");
  CHECK(run.inputs[3].path == dir / "d/3.pcap.gz");
  CHECK(order_of(run) == std::vector<std::string>{"3#1", "2#1", "1#1", "0#1"});
  REQUIRE(run.notes.size() == 1);
  CHECK(run.notes[0].find("notes.txt") != std::string::npos);
  for (const InputInfo& info : run.inputs) CHECK(info.problems.empty());
}

TEST_CASE("a ring of more files than may be open is read in the order of its packets", "[capture]") {
  const TempDir dir;
  constexpr std::uint32_t kFiles = 600;
  std::vector<std::string> paths;
  for (std::uint32_t i = 0; i < kFiles; ++i) {
    // The ring was written round once: the name says nothing about the time. Neighbours overlap.
    const std::uint32_t turn = (i + 250) % kFiles;
    paths.push_back(dir / ("ring" + std::to_string(i)));
    write_file(paths.back(), i % 3 == 0 ? gzip(pcap(1000 + 2 * turn, 1000, 4)) : pcap(1000 + 2 * turn, 1000, 4));
  }
  const Run run = read_paths(paths);
  REQUIRE(run.packets.size() == std::size_t{4} * kFiles);
  CHECK(std::is_sorted(run.packets.begin(), run.packets.end(), [](const Seen& a, const Seen& b) {
    return std::pair{a.frame.time, a.frame.input} < std::pair{b.frame.time, b.frame.input};
  }));
  CHECK(run.packets[0].frame.input == 350);
  for (const InputInfo& info : run.inputs) {
    CHECK(info.complete);
    CHECK(info.packets == 4);
    CHECK(info.bytes == fs::file_size(info.path));
  }
}

TEST_CASE("many large files that overlap in time are read with few descriptors", "[capture]") {
  const TempDir dir;
  constexpr std::uint32_t kFiles = 150;  // more than are kept open
  std::vector<std::string> paths;
  for (std::uint32_t i = 0; i < kFiles; ++i) {
    paths.push_back(dir / std::to_string(i));
    write_file(paths.back(), pcap(1000, 1000, 120, 6000));  // larger than one read
  }
  auto source = open_inputs(paths, {});
  REQUIRE(source.ok());
  Packet packet;
  std::size_t packets = 0;
  std::size_t most_open = 0;
  while ((*source)->next(packet)) {
    REQUIRE(packet.frame.input == packets % kFiles);
    REQUIRE(packet.bytes[0] == packets / kFiles);
    REQUIRE(packet.bytes[5999] == packets / kFiles);
    if (packets % 1000 == 0) {
      std::size_t open = 0;
      for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++open;
      most_open = std::max(most_open, open);
    }
    ++packets;
  }
  CHECK(packets == std::size_t{120} * kFiles);
  CHECK(most_open < 140);
  for (const InputInfo& info : (*source)->inputs()) CHECK(info.complete);
}

// What runs with other bytes on standard input.
class StandardInput {
 public:
  explicit StandardInput(Bytes bytes) : bytes_(std::move(bytes)), before_(::dup(STDIN_FILENO)) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    writer_ = std::thread([this, fd = ends[1]] {
      // In odd pieces, as a capture program would.
      for (std::size_t at = 0; at < bytes_.size();) {
        const std::size_t n = std::min<std::size_t>(bytes_.size() - at, 1 + at % 7000);
        const ssize_t done = ::write(fd, bytes_.data() + at, n);
        if (done <= 0) break;
        at += static_cast<std::size_t>(done);
      }
      ::close(fd);
    });
  }
  ~StandardInput() {
    writer_.join();
    ::dup2(before_, STDIN_FILENO);
    ::close(before_);
  }

 private:
  Bytes bytes_;
  int before_;
  std::thread writer_;
};

TEST_CASE("standard input is read as a file would be, alone and merged", "[capture]") {
  const Bytes file = noisy_pcap(4000);
  for (const bool packed : {false, true}) {
    const StandardInput piped{packed ? gzip(file) : file};
    const Run run = read_paths({"-"});
    CHECK(run.packets.size() == 4000);
    CHECK(run.inputs[0].path == "-");
    CHECK(run.inputs[0].complete);
  }
  const TempDir dir;
  write_file(dir / "a", pcap(1500, 1000, 10));
  const StandardInput piped{file};
  const Run run = read_paths({dir / "a", "-", "-"});
  REQUIRE(run.packets.size() == 4010);
  CHECK(std::is_sorted(run.packets.begin(), run.packets.end(),
                       [](const Seen& a, const Seen& b) { return a.frame.time < b.frame.time; }));
  CHECK(run.inputs[1].complete);
  CHECK(tells(run.inputs[2], "twice"));
}

// Ethernet, IPv4, UDP.
Bytes udp_frame(std::uint8_t last_octet, unsigned port) {
  Bytes out(12);
  append(out, {8, 0, 0x45, 0, 0, 36, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, last_octet, 192, 0, 2, 9});
  append(out, {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port), 0x13, 0xc4, 0, 16, 0, 0});
  append(out, Bytes(8));
  return out;
}

TEST_CASE("a filter leaves out packets, which keep their numbers", "[capture]") {
  Bytes file = pcap_header();
  append(file, pcap_record(1000, 0, udp_frame(1, 5060)));
  append(file, pcap_record(1001, 0, udp_frame(2, 4000)));
  append(file, pcap_record(1002, 0, udp_frame(1, 5061)));
  OpenOptions options;
  options.filter = "host 192.0.2.1 and udp portrange 5060-5061";
  const Run run = read_bytes(file, options);
  CHECK(order_of(run) == std::vector<std::string>{"0#1", "0#3"});
  CHECK(run.inputs[0].packets == 3);

  options.filter = "udp port";
  const Run bad = read_bytes(file, options);
  CHECK(bad.error.find("syntax error") != std::string::npos);

  // The second file's link type has no Ethernet addresses.
  const TempDir dir;
  write_file(dir / "ether", file);
  Bytes raw = pcap_header(101);
  const Bytes frame = udp_frame(1, 5060);
  append(raw, pcap_record(1000, 0, Bytes(frame.begin() + 14, frame.end())));
  write_file(dir / "raw", raw);
  options.filter = "ether src 00:00:00:00:00:00";
  const Run mixed = read_paths({dir / "ether", dir / "raw"}, options);
  CHECK(mixed.error.empty());
  CHECK(mixed.packets.size() == 3);
  CHECK(tells(mixed.inputs[1], "does not compile"));
  CHECK_FALSE(read_paths({dir / "raw"}, options).error.empty());
  options.filter = "udp src port 5060";
  CHECK(order_of(read_paths({dir / "ether", dir / "raw"}, options)) == std::vector<std::string>{"0#1", "1#1"});

  const Run hep = read_paths({std::string(TESTDATA_DIR) + "/hep/hep-buffer.dump"}, options);
  CHECK(hep.packets.size() == 6);
  CHECK(tells(hep.inputs[0], "no effect"));
}

TEST_CASE("no name in a filter is looked up", "[capture]") {
  OpenOptions options;
  for (const char* filter : {"host pbx.example.org", "src localhost", "udp and (host 192.0.2.1 or sip.example.com)"}) {
    options.filter = filter;
    INFO(filter);
    CHECK(read_bytes(pcap(1, 1, 1), options).error.find("address") != std::string::npos);
  }
  for (const char* filter :
       {"host 192.0.2.1 or net 10.0.0.0/8", "ip6 host 2001:db8::1 and not tcp[tcpflags] & tcp-syn != 0",
        "ether host 02:00:00:00:00:01 or vlan 7 and udp[8:4] = 0x53495020", "port sip or len > 0x10",
        "icmp[icmptype] = icmp-echo or greater 100 and ether proto \\ip"}) {
    options.filter = filter;
    INFO(filter);
    CHECK(read_bytes(pcap(1, 1, 1), options).error.empty());
  }
}

TEST_CASE("time bounds take the first moment in and the last one out", "[capture]") {
  OpenOptions options;
  options.from = {1001 * kNsPerSecond};
  options.to = {1003 * kNsPerSecond};
  const Run run = read_bytes(pcap(1000, 1000, 6), options);
  CHECK(order_of(run) == std::vector<std::string>{"0#2", "0#3"});
  CHECK(run.inputs[0].packets == 6);
  CHECK(read_paths({testdata("simple.pcapng")}, options).packets.size() == 1);
}

TEST_CASE("a file that grows or is replaced while it is read does no harm", "[capture]") {
  const TempDir dir;
  write_file(dir / "a", pcap(1000, 1000, 3));
  write_file(dir / "b", pcap(2000, 1000, 3));
  auto source = open_inputs({dir / "a", dir / "b"}, {});
  REQUIRE(source.ok());
  Packet packet;
  REQUIRE((*source)->next(packet));
  write_file(dir / "b", {'t', 'e', 'x', 't'});
  std::size_t packets = 1;
  while ((*source)->next(packet)) ++packets;
  CHECK(packets == 3);
  CHECK_FALSE((*source)->inputs()[1].usable);
  CHECK_FALSE((*source)->inputs()[1].complete);
}

TEST_CASE("progress ends at one", "[capture]") {
  const TempDir dir;
  write_file(dir / "a", noisy_pcap(20000));
  write_file(dir / "b", pcap(9'000'000, 1000, 3));
  auto source = open_inputs({dir / "a", dir / "b"}, {});
  REQUIRE(source.ok());
  CHECK((*source)->progress() < 0.2);
  Packet packet;
  double before = 0;
  while ((*source)->next(packet)) {
    CHECK((*source)->progress() >= before);
    before = (*source)->progress();
  }
  CHECK((*source)->progress() == 1.0);
}

}  // namespace
}  // namespace voip::capture::test
