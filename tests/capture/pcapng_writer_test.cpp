#include "capture/pcapng_writer.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "support.h"

namespace voip::capture {
namespace {

Packet packet_of(ByteView bytes, std::uint32_t input, LinkType link, std::int64_t ns) {
  Packet packet;
  packet.bytes = bytes;
  packet.wire_length = static_cast<std::uint32_t>(bytes.size()) + 100;
  packet.link = link;
  packet.frame = {.input = input, .number = 7, .time = {ns}};
  return packet;
}

test::Run read_back(const std::string& written) {
  return test::read_bytes(test::Bytes(written.begin(), written.end()));
}

TEST_CASE("What is written as pcapng is read back to the nanosecond, each input and link type as an interface") {
  PcapngWriter writer{"test 1", {"first.pcap", "second.pcap"}};
  const std::string one = "one";
  const std::string two = "two, longer";
  constexpr std::int64_t kNs = 1'768'471'200'123'456'789;
  std::string written;
  writer.write(packet_of(as_bytes(one), 0, LinkType::kEthernet, kNs), {"a comment", "another"}, written);
  writer.write(packet_of(as_bytes(two), 1, LinkType::kIpv4, kNs + 1), {}, written);
  writer.write(packet_of(as_bytes(one), 0, LinkType::kEthernet, kNs + 2), {}, written);
  const test::Run run = read_back(written);
  CHECK(run.error.empty());
  REQUIRE(run.packets.size() == 3);
  CHECK(as_text(run.packets[0].bytes) == one);
  CHECK(as_text(run.packets[1].bytes) == two);
  CHECK(run.packets[0].frame.time.ns == kNs);
  CHECK(run.packets[2].frame.time.ns == kNs + 2);
  CHECK(run.packets[1].link == LinkType::kIpv4);
  CHECK(run.packets[1].wire_length == two.size() + 100);
  CHECK(run.packets[0].interface == 0);
  CHECK(run.packets[1].interface == 1);
  CHECK(run.packets[2].interface == 0);
  CHECK(written.find("a comment") != std::string::npos);
  CHECK(written.find("second.pcap") != std::string::npos);
}

TEST_CASE("A capture without packets has its header once, and is one") {
  PcapngWriter writer{"test 1", {}};
  std::string written;
  writer.begin(written);
  const std::size_t size = written.size();
  writer.begin(written);
  CHECK(written.size() == size);
  const test::Run run = read_back(written);
  CHECK(run.error.empty());
  CHECK(run.packets.empty());
  REQUIRE(run.inputs.size() == 1);
  CHECK(run.inputs[0].complete);
}

TEST_CASE("A comment that is too long ends with a whole character") {
  PcapngWriter writer{"test 1", {}};
  std::string written;
  std::string comment = "x";
  while (comment.size() < 5000) comment += "ü";
  writer.write(packet_of(as_bytes("abc"), 0, LinkType::kEthernet, 1), {comment}, written);
  const std::size_t at = written.find("xü");
  REQUIRE(at != std::string::npos);
  std::size_t end = at;
  while (end < written.size() && static_cast<unsigned char>(written[end]) >= 'x') ++end;
  CHECK(end - at == 1999);  // 2000 would cut one in two
  CHECK(read_back(written).packets.size() == 1);
}

}  // namespace
}  // namespace voip::capture
