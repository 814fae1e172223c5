#include "proto/hep/hep.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "support/files.h"

using namespace voip;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes read_file(const std::string& name) { return test::file_bytes(test::testdata("hep/" + name)); }

constexpr Timestamp kCarrier{1'795'417'300 * kNsPerSecond};

std::string payload_of(const hep::MessageView& message) { return std::string(as_text(message.payload)); }

Bytes be(std::uint64_t value, int size) {
  Bytes bytes;
  for (int i = size - 1; i >= 0; --i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes chunk(std::uint16_t type, const Bytes& value) { return be(0, 2) + be(type, 2) + be(6 + value.size(), 2) + value; }
Bytes frame(const Bytes& chunks) { return Bytes{'H', 'E', 'P', '3'} + be(6 + chunks.size(), 2) + chunks; }

}  // namespace

TEST_CASE("The first frame of an archive gives all that it says", "[hep]") {
  const Bytes archive = read_file("senders.hep");
  const auto length = hep::v3_frame_length(archive);
  REQUIRE(length.has_value());
  REQUIRE(*length < archive.size());
  const auto message = hep::parse(ByteView{archive}.first(*length), kCarrier);
  REQUIRE(message.ok());
  CHECK(message->version == 3);
  CHECK(message->ip_protocol == 17);
  CHECK(message->src.to_string() == "198.51.100.7:5060");
  CHECK(message->dst.to_string() == "192.0.2.10:5060");
  CHECK(message->time.ns == 1'795'417'200'123'000'000);
  CHECK(message->capture_id == 1234);
  CHECK(message->correlation_id == "ast-call-1");
  CHECK(message->node == "asterisk");
  CHECK(payload_of(*message).starts_with("INVITE sip:33123456789@192.0.2.10 SIP/2.0\r\n"));
  CHECK_FALSE(message->truncated);
  CHECK(message->trailing == 0);
  CHECK(message->ignored_chunks == 0);
  // Followed by the next frame, it is the same with trailing bytes.
  const auto with_rest = hep::parse(archive, kCarrier);
  REQUIRE(with_rest.ok());
  CHECK(with_rest->trailing == archive.size() - *length);
  CHECK(payload_of(*with_rest) == payload_of(*message));
}

TEST_CASE("No prefix of a frame passes for whole", "[hep]") {
  const Bytes archive = read_file("senders.hep");
  const std::size_t length = hep::v3_frame_length(archive).value();
  const auto whole = hep::parse(ByteView{archive}.first(length), kCarrier);
  for (std::size_t size = 0; size < length; ++size) {
    CAPTURE(size);
    const Bytes prefix(archive.begin(), archive.begin() + static_cast<std::ptrdiff_t>(size));
    const auto message = hep::parse(prefix, kCarrier);
    if (size < 6) {
      REQUIRE_FALSE(message.ok());
      CHECK(message.error().kind == Malformed::kTruncated);
    } else {
      REQUIRE(message.ok());
      CHECK(message->truncated);
      CHECK(payload_of(*whole).starts_with(payload_of(*message)));
    }
  }
}

TEST_CASE("Damaged frames are told apart", "[hep]") {
  const auto parse = [](const char* name, Bytes& bytes) {
    bytes = read_file(std::string("bad/") + name);
    return hep::parse(bytes, kCarrier);
  };
  Bytes bytes;
  CHECK(parse("short-header.bin", bytes).error().kind == Malformed::kTruncated);
  for (const char* name :
       {"length-zero.bin", "length-too-small.bin", "chunk-len-0.bin", "chunk-len-5.bin", "chunk-overrun.bin"}) {
    CAPTURE(name);
    const auto damaged = parse(name, bytes);
    REQUIRE_FALSE(damaged.ok());
    CHECK(damaged.error().kind == Malformed::kBadLength);
  }
  const auto too_big = parse("length-too-big.bin", bytes);
  REQUIRE(too_big.ok());
  CHECK(too_big->truncated);
  CHECK(payload_of(*too_big).starts_with("INVITE "));
  const auto odd_size = parse("u8-as-u16.bin", bytes);
  REQUIRE(odd_size.ok());
  CHECK(odd_size->ignored_chunks == 1);
  CHECK(payload_of(*odd_size) == "x");
  CHECK(odd_size->src.to_string() == "198.51.100.7:1");
  const auto old_magic = parse("eep1-magic.bin", bytes);
  REQUIRE(old_magic.ok());
  CHECK(payload_of(*old_magic).starts_with("INVITE "));
  const auto large = parse("payload-trunc-64k.bin", bytes);
  REQUIRE(large.ok());
  CHECK(large->payload.size() == 65400);
  const auto garbage = parse("zip-garbage.bin", bytes);
  REQUIRE(garbage.ok());
  CHECK(garbage->compressed);
}

TEST_CASE("Versions 1 and 2 are read, whatever their header length says", "[hep]") {
  const auto read = [](const char* name, Bytes& bytes) {
    bytes = read_file(name);
    CHECK(hep::looks_like_v1_or_v2(bytes));
    CHECK_FALSE(hep::looks_like_v3(bytes));
    const auto message = hep::parse(bytes, kCarrier);
    REQUIRE(message.ok());
    CHECK(payload_of(*message).starts_with("INVITE "));
    return *message;
  };
  Bytes bytes;
  const auto one = read("v1.bin", bytes);
  CHECK(one.version == 1);
  CHECK(one.src.to_string() == "198.51.100.7:5060");
  CHECK_FALSE(one.time.known());
  const auto two = read("v2.bin", bytes);
  CHECK(two.version == 2);
  CHECK(two.time.ns == 1'795'417'200'123'456'000);
  CHECK(two.capture_id == 2001);
  const auto sofia = read("v2-sofia.bin", bytes);
  CHECK(sofia.ip_protocol == 22);
  CHECK(sofia.capture_id == 200);
  const auto six = read("v2-ip6.bin", bytes);
  CHECK(six.src.to_string() == "[2001:db8::7]:5060");
  CHECK(six.time.known());
  const auto dirty = read("sngrep-v2.bin", bytes);
  CHECK(dirty.capture_id == 2001);
  CHECK(dirty.src.address.to_string() == "127.0.0.1");
}

TEST_CASE("No prefix of a version 2 header parses", "[hep]") {
  const Bytes whole = read_file("v2.bin");
  for (std::size_t size = 0; size < 28; ++size) {
    const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CAPTURE(size);
    CHECK_FALSE(hep::looks_like_v1_or_v2(prefix));
    const auto message = hep::parse(prefix, kCarrier);
    REQUIRE_FALSE(message.ok());
    CHECK(message.error().kind == Malformed::kTruncated);
  }
}

TEST_CASE("Version 2's time in the other byte order is seen as such", "[hep]") {
  Bytes swapped = read_file("v2.bin");
  std::swap(swapped[16], swapped[19]);
  std::swap(swapped[17], swapped[18]);
  std::swap(swapped[20], swapped[23]);
  std::swap(swapped[21], swapped[22]);
  std::swap(swapped[24], swapped[25]);
  const auto message = hep::parse(swapped, kCarrier);
  REQUIRE(message.ok());
  CHECK(message->time.ns == 1'795'417'200'123'456'000);
  CHECK(message->capture_id == 2001);
  for (std::size_t i = 16; i < 20; ++i) swapped[i] = 0xff;
  CHECK_FALSE(hep::parse(swapped, kCarrier)->time.known());
}

TEST_CASE("Addresses: the family decides when both kinds are there, and none is unknown", "[hep]") {
  const Bytes v4 = chunk(3, {192, 0, 2, 1}) + chunk(4, {192, 0, 2, 2});
  const Bytes v6 = chunk(5, be(0x20010db800000000, 8) + be(1, 8)) + chunk(6, be(0x20010db800000000, 8) + be(2, 8));
  const Bytes payload = chunk(15, {'x'});
  const auto source = [&](const Bytes& chunks) {
    const Bytes bytes = frame(chunks + payload);
    const auto message = hep::parse(bytes, kCarrier);
    REQUIRE(message.ok());
    return message->src.address;
  };
  CHECK(source(chunk(1, {2}) + v4 + v6).to_string() == "192.0.2.1");
  CHECK(source(chunk(1, {10}) + v4 + v6).to_string() == "2001:db8::1");
  CHECK(source(chunk(1, {2}) + v6).to_string() == "2001:db8::1");  // what is there is believed
  CHECK(source(chunk(1, {10}) + v4).to_string() == "192.0.2.1");
  CHECK(source({}).unspecified());
}

TEST_CASE("The last payload counts, and a whole one replaces a compressed one", "[hep]") {
  const Bytes bytes = frame(chunk(16, {'z'}) + chunk(15, {'a'}) + chunk(15, {'b'}));
  const auto message = hep::parse(bytes, kCarrier);
  REQUIRE(message.ok());
  CHECK(payload_of(*message) == "b");
  CHECK_FALSE(message->compressed);
}

TEST_CASE("A time decades away from its carrier is not believed", "[hep]") {
  const auto at = [](std::uint32_t seconds, Timestamp carrier) {
    const Bytes bytes = frame(chunk(9, be(seconds, 4)) + chunk(10, be(0, 4)));
    return hep::parse(bytes, carrier)->time;
  };
  CHECK(at(1'700'000'000, kCarrier).known());
  CHECK_FALSE(at(4'000'000'000, kCarrier).known());
  CHECK_FALSE(at(1'000, kCarrier).known());
  CHECK_FALSE(at(0, kCarrier).known());
  CHECK(at(1'700'000'000, {}).known());
}
