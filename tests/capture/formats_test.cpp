#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "support.h"

namespace voip::capture::test {
namespace {

constexpr std::uint32_t kSecond = 1795417200;

struct Expected {
  std::int64_t ns = 0;  // Timestamp::kUnknownNs: no time
  std::size_t captured = 50;
  std::uint32_t wire = 50;
  std::uint32_t link = 1;
  std::uint32_t interface = 0;
};

struct Row {
  std::string file;
  std::string format;
  bool complete = true;
  std::string problem;  // words of the only problem; empty: none
  std::vector<Expected> packets;
};

constexpr std::int64_t at(std::int64_t seconds, std::int64_t ns) {
  return (std::int64_t{kSecond} + seconds) * kNsPerSecond + ns;
}

std::vector<Expected> two(std::int64_t ns, std::uint32_t link = 1) {
  return {{.ns = at(0, ns), .link = link}, {.ns = at(1, ns), .link = link}};
}

const std::vector<Row>& rows() {
  constexpr std::int64_t kMicros = 123456000;
  constexpr std::int64_t kNanos = 123456789;
  static const std::vector<Row> kRows{
      {"le-us.pcap", "pcap", true, "", two(kMicros)},
      {"be-us.pcap", "pcap", true, "", two(kMicros)},
      {"le-ns.pcap", "pcap", true, "", two(kNanos)},
      {"be-ns.pcap", "pcap", true, "", two(kNanos)},
      {"modified.pcap", "pcap", true, "", two(kMicros)},
      {"nokia.pcap", "pcap", true, "4 bytes more", two(kMicros)},
      {"ixia-hw.pcap", "pcap", true, "", two(1000)},
      {"ixia-sw.pcap", "pcap", true, "", two(1000)},
      {"ixia-no-size.pcap", "pcap", true, "", two(1000)},
      {"v23.pcap", "pcap", true, "", two(1000)},
      {"v23-swapped.pcap", "pcap", true, "", {{.ns = at(0, 1000), .wire = 1500}, {.ns = at(0, 1000)}}},
      {"v25.pcap", "pcap", true, "2.5 was read as 2.4", two(1000)},
      {"snap0.pcap", "pcap", true, "", two(1000)},
      {"snap-1.pcap", "pcap", true, "", two(1000)},
      {"cap-gt-snap.pcap", "pcap", true, "", two(1000)},
      {"cap-gt-len.pcap", "pcap", true, "", {{.ns = at(0, 1000)}, {.ns = at(0, 1000)}}},
      {"usec-over.pcap", "pcap", true, "", two(1'999'999'000)},
      {"fcs.pcap", "pcap", true, "", two(1000)},
      {"truncated.pcap", "pcap", false, "45 of 50 bytes", {{.ns = at(0, 1000)}, {.ns = at(1, 1000), .captured = 45}}},
      {"trunc-hdr.pcap", "pcap", false, "within the header of a record, at byte 156", two(1000)},
      {"hdr-only.pcap", "pcap", true, "", {}},
      {"cat2.pcap",
       "pcap",
       true,
       "Several pcap files",
       {{.ns = at(0, 1000)},
        {.ns = at(1, 1000)},
        {.ns = at(0, 1), .link = 113, .interface = 1},
        {.ns = at(1, 1), .link = 113, .interface = 1}}},
      {"sll.pcap", "pcap", true, "", two(1000, 113)},
      {"sll2.pcap", "pcap", true, "", two(1000, 276)},
      {"raw12.pcap", "pcap", true, "", two(1000, 12)},
      {"raw14.pcap", "pcap", true, "", two(1000, 14)},
      {"raw101.pcap", "pcap", true, "", two(1000, 101)},
      {"ipv4-228.pcap", "pcap", true, "", two(1000, 228)},
      {"user0.pcap", "pcap", true, "", two(1000, 147)},
      {"lt-unknown.pcap", "pcap", true, "", two(1000, 999)},
      {"x.pcap.gz", "pcap", true, "", two(1000)},
      {"z.pcap.xz", "pcap", true, "", two(1000)},
      {"z.pcap.zst", "pcap", true, "", two(1000)},
      {"z.pcap.lz4", "pcap", true, "", two(1000)},
      {"basic.pcapng", "pcapng", true, "", {{.ns = at(0, kMicros)}, {.ns = at(0, kMicros + 1000)}}},
      {"big-endian.pcapng", "pcapng", true, "", {{.ns = at(0, kMicros)}}},
      {"ns.pcapng", "pcapng", true, "", {{.ns = at(0, kNanos)}}},
      {"ps.pcapng", "pcapng", true, "", {{.ns = at(0, kNanos)}}},
      {"pow2.pcapng", "pcapng", true, "", {{.ns = at(0, 500'000'000)}}},
      {"tsoffset.pcapng", "pcapng", true, "", {{.ns = at(0, kMicros)}}},
      {"2if-same.pcapng", "pcapng", true, "", {{.ns = at(0, kMicros)}, {.ns = at(0, kMicros), .interface = 1}}},
      {"2if-links.pcapng",
       "pcapng",
       true,
       "",
       {{.ns = at(0, kMicros)}, {.ns = at(0, kMicros), .captured = 52, .wire = 52, .link = 113, .interface = 1}}},
      {"2if-snaps.pcapng", "pcapng", true, "", {{.ns = at(0, kMicros)}, {.ns = at(0, kMicros), .interface = 1}}},
      {"2if-clocks.pcapng", "pcapng", true, "", {{.ns = at(0, kMicros)}, {.ns = at(0, kNanos), .interface = 1}}},
      {"secrets.pcapng", "pcapng", true, "", {{.ns = at(0, kMicros)}}},
      {"simple.pcapng", "pcapng", true, "", {{.ns = Timestamp::kUnknownNs}}},
      {"simple-snapped.pcapng", "pcapng", true, "", {{.ns = Timestamp::kUnknownNs, .captured = 20}}},
      {"2sections.pcapng",
       "pcapng",
       true,
       "",
       {{.ns = at(0, kMicros)}, {.ns = at(0, kMicros), .captured = 52, .wire = 52, .link = 113, .interface = 1}}},
      {"2sections-orders.pcapng", "pcapng", true, "", {{.ns = at(0, kMicros)}, {.ns = at(0, kMicros), .interface = 1}}},
      {"truncated.pcapng",
       "pcapng",
       false,
       "47 of 50 bytes",
       {{.ns = at(0, kMicros)}, {.ns = at(0, kMicros), .captured = 47}}},
      {"no-interface.pcapng", "pcapng", false, "does not describe before them", {}},
      {"late-interface.pcapng",
       "pcapng",
       true,
       "",
       {{.ns = at(0, kMicros)}, {.ns = at(0, kMicros), .captured = 52, .wire = 52, .link = 113, .interface = 1}}},
      {"old-packet-block.pcapng", "pcapng", true, "", {{.ns = at(0, kMicros)}}},
  };
  return kRows;
}

TEST_CASE("each capture of the table is read as it is right", "[capture]") {
  for (const Row& row : rows()) {
    INFO(row.file);
    const Run run = read_paths({testdata(row.file)});
    REQUIRE(run.error.empty());
    REQUIRE(run.inputs.size() == 1);
    const InputInfo& info = run.inputs[0];
    CHECK(info.format == row.format);
    CHECK(info.usable);
    CHECK(info.complete == row.complete);
    CHECK(info.packets == row.packets.size());
    CHECK(info.problems.size() == (row.problem.empty() ? 0 : 1));
    if (!row.problem.empty()) CHECK(tells(info, row.problem));
    CHECK(info.bytes == std::filesystem::file_size(testdata(row.file)));
    REQUIRE(run.packets.size() == row.packets.size());
    for (std::size_t i = 0; i < row.packets.size(); ++i) {
      INFO("packet " << i + 1);
      const Seen& seen = run.packets[i];
      const Expected& expected = row.packets[i];
      CHECK(seen.frame.number == i + 1);
      CHECK(seen.frame.time.ns == expected.ns);
      CHECK(seen.bytes.size() == expected.captured);
      CHECK(seen.wire_length == expected.wire);
      CHECK(static_cast<std::uint32_t>(seen.link) == expected.link);
      CHECK(seen.interface == expected.interface);
      if (expected.captured == 50) CHECK(std::string(seen.bytes.end() - 8, seen.bytes.end()) == "OPTIONS ");
      if (info.compression.empty()) {
        const Bytes file = read_file(testdata(row.file));
        REQUIRE(seen.offset + seen.bytes.size() <= file.size());
        CHECK(
            std::equal(seen.bytes.begin(), seen.bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(seen.offset)));
      }
    }
  }
}

TEST_CASE("what a capture says beside its packets is kept", "[capture]") {
  const Run secrets = read_paths({testdata("secrets.pcapng")});
  REQUIRE(secrets.secrets.size() == 1);
  CHECK(secrets.secrets[0].type == 0x544c534b);
  CHECK(secrets.secrets[0].text.starts_with("CLIENT_RANDOM abab"));
  CHECK(secrets.secrets[0].text.ends_with("cd\n"));

  const Run statistics = read_paths({testdata("names-stats-custom.pcapng")});
  CHECK(statistics.inputs[0].dropped_by_capture == 10);
  REQUIRE(statistics.packets.size() == 2);
  // Wireshark gives the custom block between them a number, too.
  CHECK(statistics.packets[0].frame.number == 1);
  CHECK(statistics.packets[1].frame.number == 3);
  CHECK(statistics.inputs[0].packets == 2);
}

TEST_CASE("an interface's later statistics replace earlier ones", "[capture]") {
  const auto statistics = [](std::uint32_t drops) {
    Bytes body;
    put32(body, 0);
    put32(body, 0);
    put32(body, 0);
    put16(body, 5);
    put16(body, 8);
    put32(body, drops);
    put32(body, 0);
    return block(5, body);
  };
  Bytes file = pcapng(kSecond, 1);
  append(file, statistics(3));
  append(file, statistics(8));
  CHECK(read_bytes(file).inputs[0].dropped_by_capture == 8);
}

TEST_CASE("first and last time are the extremes, whatever the order in the file", "[capture]") {
  Bytes file = pcap_header();
  for (const std::uint32_t second : {50U, 20U, 90U, 30U}) append(file, pcap_record(second, 0, Bytes(20)));
  const Run run = read_bytes(file);
  CHECK(run.inputs[0].first_time.ns == 20 * kNsPerSecond);
  CHECK(run.inputs[0].last_time.ns == 90 * kNsPerSecond);
  REQUIRE(run.packets.size() == 4);
  CHECK(run.packets[1].frame.time.ns == 20 * kNsPerSecond);
}

TEST_CASE("every prefix of a capture gives the packets that are whole, a cut one at most, and says so", "[capture]") {
  for (const bool ng : {false, true}) {
    const Bytes file = ng ? pcapng(kSecond, 4, 61) : pcap(kSecond, 20, 4, 61);
    const std::size_t head = ng ? 28 + 20 : 24;
    const std::size_t record = ng ? 96 : 16 + 61;
    const std::size_t data = ng ? 28 : 16;  // before a packet's bytes
    for (std::size_t n = 0; n <= file.size(); ++n) {
      INFO((ng ? "pcapng " : "pcap ") << n);
      const Run run = read_bytes(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n)));
      REQUIRE(run.inputs.size() == 1);
      const std::size_t whole = n < head ? 0 : (n - head) / record;
      const std::size_t rest = n < head ? 0 : (n - head) % record;
      const bool cut = rest > data;
      CHECK(run.packets.size() == whole + (cut ? 1 : 0));
      for (std::size_t i = 0; i < run.packets.size(); ++i) {
        CHECK(run.packets[i].wire_length == 61);
        CHECK(run.packets[i].bytes.size() == (i < whole ? 61 : std::min<std::size_t>(rest - data, 61)));
      }
      // The prefixes that end where a record does are whole files; a section header alone is one as well.
      CHECK(run.inputs[0].complete == ((n >= head && rest == 0) || (ng && n == 28)));
      CHECK(run.inputs[0].complete == run.inputs[0].problems.empty());
      CHECK(run.inputs[0].usable == (n >= (ng ? 12 : 4)));
    }
  }
}

TEST_CASE("a record that lies about its length costs what lies between it and the next good ones", "[capture]") {
  const Bytes good = pcap(kSecond, 20, 50, 60);
  for (const std::uint32_t lie : {0xffffffffU, 0x00fffff0U, 100000U, 3000U}) {
    INFO(lie);
    Bytes file = good;
    const std::size_t at_length = 24 + 10 * 76 + 8;
    for (std::size_t i = 0; i < 4; ++i) file[at_length + i] = static_cast<std::uint8_t>(lie >> (8 * i));
    const Run run = read_bytes(file);
    CHECK_FALSE(run.inputs[0].complete);
    CHECK(tells(run.inputs[0], "amaged"));
    CHECK(run.packets.size() == 49);
    CHECK((run.packets.back().bytes == Bytes(60, 49)));
  }
}

TEST_CASE("zeros behind a capture are damage, not packets", "[capture]") {
  Bytes file = pcap(kSecond, 20, 5);
  file.resize(file.size() + 4096);
  const Run run = read_bytes(file);
  CHECK(run.packets.size() == 5);
  CHECK_FALSE(run.inputs[0].complete);
  CHECK(run.inputs[0].problems.size() == 1);
}

TEST_CASE("bytes lost within a pcapng cost the blocks that they touch", "[capture]") {
  const Bytes good = pcapng(kSecond, 20);
  Bytes file = good;
  const std::size_t fifth = 28 + 20 + 4 * 92;
  REQUIRE(file.size() == 28 + 20 + 20 * 92);
  file.erase(file.begin() + static_cast<std::ptrdiff_t>(fifth + 30),
             file.begin() + static_cast<std::ptrdiff_t>(fifth + 37));
  const Run run = read_bytes(file);
  CHECK(run.packets.size() == 19);
  CHECK_FALSE(run.inputs[0].complete);
  CHECK((run.packets.back().bytes == Bytes(60, 19)));

  // Only the closing length is wrong: the packet itself is fine.
  file = good;
  file[fifth + 92 - 4] = 1;
  const Run closing = read_bytes(file);
  CHECK(closing.packets.size() == 20);
  CHECK(tells(closing.inputs[0], "lengths"));
}

TEST_CASE("large blocks and records are read or passed, bogus ones cost no memory", "[capture]") {
  Bytes file = section();
  append(file, interface());
  append(file, block(0xbad, Bytes(17U << 20, 'x')));
  append(file, enhanced(0, kSecond * 1'000'000ULL, Bytes(300000, 'y')));
  append(file, enhanced(0, kSecond * 1'000'000ULL, Bytes(60, 'z')));
  const Run run = read_bytes(file);
  REQUIRE(run.packets.size() == 2);
  CHECK((run.packets[0].bytes == Bytes(300000, 'y')));
  CHECK(run.inputs[0].complete);

  Bytes big = pcap_header(1, 0);
  append(big, pcap_record(kSecond, 0, Bytes(5U << 20, 'y')));
  append(big, pcap_record(kSecond, 0, Bytes(60, 'z')));
  const Run records = read_bytes(big);
  REQUIRE(records.packets.size() == 2);
  CHECK(records.packets[0].bytes.size() == 5U << 20);
  CHECK(records.inputs[0].complete);
  CHECK(tells(records.inputs[0], "more than capture programs write"));
}

TEST_CASE("thousands of lying lengths cost time in proportion to the file", "[capture]") {
  // Three good records, then one that claims 200 MiB, again and again.
  Bytes file = pcap_header(1, 0xffffffff);
  Bytes unit = pcap(kSecond, 20, 3);
  unit.erase(unit.begin(), unit.begin() + 24);
  put32(unit, kSecond);
  put32(unit, 0);
  put32(unit, 200U << 20);
  put32(unit, 200U << 20);
  append(unit, Bytes(4, 0xee));
  for (int i = 0; i < 20000; ++i) append(file, unit);
  const Run run = read_bytes(file);
  CHECK(run.packets.size() == 60000);
  CHECK_FALSE(run.inputs[0].complete);
  CHECK(run.inputs[0].problems.size() <= 21);

  Bytes blocks = section();
  append(blocks, interface());
  Bytes lie;
  put32(lie, 6);
  put32(lie, 200U << 20);
  append(lie, Bytes(8, 0xee));
  const Bytes good = enhanced(0, kSecond * 1'000'000ULL, Bytes(60));
  for (int i = 0; i < 20000; ++i) {
    append(blocks, good);
    append(blocks, lie);
  }
  const Run ng = read_bytes(blocks);
  CHECK(ng.packets.size() == 20000);
  CHECK_FALSE(ng.inputs[0].complete);
}

TEST_CASE("times at the edge of what fits are kept or unknown, never wrapped", "[capture]") {
  const auto resolution = [](std::uint8_t value) {
    Bytes options;
    put16(options, 9);
    put16(options, 1);
    append(options, Bytes{value, 0, 0, 0});
    return options;
  };
  Bytes file = section();
  for (const unsigned value : {0U, 6U, 9U, 0x80U, 0xffU, 0x7fU}) {
    append(file, interface(1, 0, resolution(static_cast<std::uint8_t>(value))));
  }
  for (std::uint32_t on = 0; on < 6; ++on) append(file, enhanced(on, ~0ULL, Bytes(20)));
  append(file, enhanced(5, 0, Bytes(20)));
  append(file, enhanced(3, 0, Bytes(20)));
  const Run run = read_bytes(file);
  REQUIRE(run.packets.size() == 8);
  CHECK_FALSE(run.packets[0].frame.time.known());
  CHECK_FALSE(run.packets[1].frame.time.known());
  CHECK_FALSE(run.packets[2].frame.time.known());
  CHECK_FALSE(run.packets[3].frame.time.known());
  CHECK(run.packets[4].frame.time.ns == 0);  // 2^64 parts of 2^127
  CHECK_FALSE(run.packets[5].frame.time.known());
  CHECK_FALSE(run.packets[6].frame.time.known());
  CHECK(run.packets[7].frame.time.ns == 0);
  CHECK(tells(run.inputs[0], "clock"));
}

TEST_CASE("a HEP stream is read message by message", "[capture]") {
  const std::string hep = std::string(TESTDATA_DIR) + "/hep/";
  const Run run = read_paths({hep + "kamailio-hep3.hep"});
  CHECK(run.packets.size() == 52);
  CHECK(run.inputs[0].format == "hep");
  CHECK(run.inputs[0].complete);
  REQUIRE(!run.packets.empty());
  CHECK(run.packets[0].link == LinkType::kHepFrame);
  CHECK(run.packets[51].frame.number == 52);
  CHECK(format_utc(run.packets[0].frame.time) == "2026-11-23T07:19:03.200039Z");

  const Run senders = read_paths({hep + "senders.hep"});
  CHECK(senders.packets.size() == 18);
  std::size_t without_time = 0;
  for (const Seen& seen : senders.packets) without_time += seen.frame.time.known() ? 0U : 1U;
  CHECK(without_time == 1);

  const Run dump = read_paths({hep + "hep-buffer.dump"});
  CHECK(dump.inputs[0].format == "hep-dump");
  CHECK(dump.packets.size() == 6);
  CHECK(std::string(dump.packets[0].bytes.begin(), dump.packets[0].bytes.begin() + 4) == "HEP3");
  CHECK(dump.packets[0].offset == 4);
}

TEST_CASE("every prefix of a HEP file gives its messages and a cut one", "[capture]") {
  const Bytes dump = read_file(std::string(TESTDATA_DIR) + "/hep/hep-buffer.dump");
  std::size_t before = 0;
  for (std::size_t n = 10; n <= dump.size(); n += 7) {
    const Run run = read_bytes(Bytes(dump.begin(), dump.begin() + static_cast<std::ptrdiff_t>(n)));
    CHECK(run.packets.size() >= before);
    for (std::size_t i = 0; i + 1 < run.packets.size(); ++i) {
      CHECK(run.packets[i].bytes.size() == run.packets[i].wire_length);
    }
    before = run.packets.size();
  }
  CHECK(before == 6);
}

TEST_CASE("damage in a HEP stream costs the message that it hits", "[capture]") {
  const Bytes stream = read_file(std::string(TESTDATA_DIR) + "/hep/kamailio-hep3.hep");
  const Run good = read_bytes(stream);
  const auto third = static_cast<std::ptrdiff_t>(good.packets[2].offset);

  Bytes lost = stream;  // bytes are missing within the third
  lost.erase(lost.begin() + third + 100, lost.begin() + third + 150);
  const Run shorter = read_bytes(lost);
  REQUIRE(shorter.packets.size() == 52);
  CHECK(shorter.packets[2].bytes.size() + 50 == shorter.packets[2].wire_length);
  CHECK(shorter.packets[3].bytes == good.packets[3].bytes);
  CHECK_FALSE(shorter.inputs[0].complete);

  Bytes broken = stream;  // the third's magic and length are gone
  std::fill_n(broken.begin() + third, 6, std::uint8_t{0});
  const Run without = read_bytes(broken);
  CHECK(without.packets.size() == 51);
  CHECK(without.packets[2].bytes == good.packets[3].bytes);
  CHECK(tells(without.inputs[0], "bytes were skipped"));
}

TEST_CASE("damaged HEP messages end where they must", "[capture]") {
  const std::string bad = std::string(TESTDATA_DIR) + "/hep/bad/";
  struct Case {
    const char* file;
    std::size_t packets;
    bool complete;
  };
  for (const Case& damaged : {Case{"chunk-len-0.bin", 1, true}, Case{"chunk-overrun.bin", 1, true},
                              Case{"eep1-magic.bin", 1, true}, Case{"length-too-big.bin", 1, false},
                              Case{"length-too-small.bin", 1, false}, Case{"payload-trunc-64k.bin", 1, true}}) {
    INFO(damaged.file);
    const Run run = read_paths({bad + damaged.file});
    CHECK(run.packets.size() == damaged.packets);
    CHECK(run.inputs[0].complete == damaged.complete);
  }
  // Without a length there is no message to begin with.
  CHECK_FALSE(read_paths({bad + "length-zero.bin"}).inputs[0].usable);
}

TEST_CASE("a HEP message whose 16-bit length ran over is found by what follows it", "[capture]") {
  const auto message = [](std::size_t size) {
    Bytes out{'H', 'E', 'P', '3', static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
    out.resize(size, 'x');
    return out;
  };
  Bytes stream = message(500);
  append(stream, message(65536 + 300));
  append(stream, message(400));
  const Run run = read_bytes(stream);
  REQUIRE(run.packets.size() == 3);
  CHECK(run.packets[1].bytes.size() == 65836);
  CHECK(run.packets[2].bytes.size() == 400);
  CHECK(run.inputs[0].complete);
}

}  // namespace
}  // namespace voip::capture::test
