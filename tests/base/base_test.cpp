#include <catch2/catch.hpp>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/endpoint.h"
#include "base/text.h"
#include "base/time.h"

using namespace voip;

TEST_CASE("A cursor that ran past its end stays failed and empty", "[base]") {
  const std::array<std::uint8_t, 3> bytes{1, 2, 3};
  ByteCursor in{bytes};
  CHECK(in.be<std::uint16_t>() == 0x0102);
  CHECK(in.be<std::uint16_t>() == 0);
  CHECK_FALSE(in.ok());
  CHECK(in.remaining() == 0);
  CHECK(in.take(static_cast<std::size_t>(-1)).empty());
}

TEST_CASE("A child cursor can't see past its own bytes", "[base]") {
  const std::array<std::uint8_t, 4> bytes{1, 2, 3, 4};
  ByteCursor in{bytes};
  ByteCursor child = in.sub(2);
  CHECK(child.be<std::uint32_t>() == 0);
  CHECK_FALSE(child.ok());
  CHECK(in.ok());
  CHECK(in.be<std::uint16_t>() == 0x0304);
}

TEST_CASE("Times are written and read as RFC 3339 in UTC", "[base]") {
  CHECK(format_utc({0}, 0) == "1970-01-01T00:00:00Z");
  CHECK(format_utc({1767323045'000'006'000}) == "2026-01-02T03:04:05.000006Z");
  CHECK(format_utc_exact({1767323045'000'006'007}) == "2026-01-02T03:04:05.000006007Z");
  CHECK(format_utc({-1}, 9) == "1969-12-31T23:59:59.999999999Z");
  CHECK(parse_time("2026-01-02T03:04:05.000006Z") == Timestamp{1767323045'000'006'000});
  CHECK(parse_time("2026-01-02 05:04:05+02:00") == Timestamp{1767323045'000'000'000});
  CHECK(parse_time("@1767323045.5") == Timestamp{1767323045'500'000'000});
  CHECK(parse_time("2024-02-29")->ns / kNsPerSecond == 1709164800);
  CHECK_FALSE(parse_time("2026-13-01"));
  CHECK_FALSE(parse_time("2026-01-02T03:04:05.5Zx"));
}

TEST_CASE("Addresses know their kind", "[base]") {
  CHECK(IpAddress::parse("192.0.2.1")->to_string() == "192.0.2.1");
  CHECK(Endpoint(*IpAddress::parse("[2001:db8::1]"), 4000).to_string() == "[2001:db8::1]:4000");
  CHECK(IpAddress::parse("100.64.0.1")->is_private());
  CHECK(IpAddress::parse("100.127.255.255")->is_private());
  CHECK_FALSE(IpAddress::parse("100.128.0.1")->is_private());
  CHECK(IpAddress::parse("172.31.0.1")->is_private());
  CHECK_FALSE(IpAddress::parse("172.32.0.1")->is_private());
  CHECK(IpAddress::parse("fd66::1")->is_private());
  CHECK_FALSE(IpAddress::parse("example.com"));
  CHECK_FALSE(IpAddress::parse("192.0.2.256"));
}

TEST_CASE("base64 is strict but for missing padding", "[base]") {
  // RFC 4648 section 10.
  CHECK(encode_base64(as_bytes("fooba")) == "Zm9vYmE=");
  CHECK(as_text(*decode_base64("Zm9vYmE=")) == "fooba");
  CHECK(as_text(*decode_base64("Zm9vYmE")) == "fooba");
  CHECK_FALSE(decode_base64("Zm9vYmF"));    // left-over bits
  CHECK_FALSE(decode_base64("Zm9v YmE="));  // a blank
  CHECK_FALSE(decode_base64("Zm9vY==="));
  CHECK_FALSE(decode_base64url("ab+/"));
  CHECK(decode_base64url("ab-_").has_value());
  CHECK(decode_hex("0A:ff", ':') == std::vector<std::uint8_t>{0x0a, 0xff});
  CHECK_FALSE(decode_hex("0A:f", ':'));
}

TEST_CASE("Numbers are whole texts", "[base]") {
  CHECK(parse_number<std::uint8_t>("255") == std::uint8_t{255});
  CHECK_FALSE(parse_number<std::uint8_t>("256"));
  CHECK_FALSE(parse_number<std::uint16_t>("12x"));
  CHECK_FALSE(parse_number<std::uint16_t>(""));
  CHECK_FALSE(parse_number<std::uint16_t>("-1"));
}
