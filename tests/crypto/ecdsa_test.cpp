#include "crypto/ecdsa.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "base/codec.h"

using namespace voip;
using crypto::Es256;
using crypto::Es256Key;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes joined(const Bytes& a, const Bytes& b) {
  Bytes all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

// RFC 7515 appendix A.3.
const std::string kMessage =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
Bytes signature() {
  return *decode_base64url("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
}
Bytes point() {
  return joined(*decode_base64url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                *decode_base64url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"));
}
Bytes spki(const Bytes& of_point, const char* curve = "06082a8648ce3d030107") {
  return joined(*decode_hex(std::string{"3059301306072a8648ce3d0201"} + curve + "03420004"), of_point);
}
Bytes half(const Bytes& whole, bool second) {
  return {whole.begin() + (second ? 32 : 0), whole.begin() + (second ? 64 : 32)};
}
Bytes der(const Bytes& r, const Bytes& s) {
  Bytes body;
  for (const Bytes& value : {r, s}) {
    body.push_back(2);
    body.push_back(static_cast<std::uint8_t>(value.size() + ((value[0] & 0x80) != 0 ? 1 : 0)));
    if ((value[0] & 0x80) != 0) body.push_back(0);
    body.insert(body.end(), value.begin(), value.end());
  }
  return joined({0x30, static_cast<std::uint8_t>(body.size())}, body);
}

}  // namespace

TEST_CASE("the signature of RFC 7515 verifies, and no single changed bit of it does", "[ecdsa]") {
  const Es256Key key = Es256Key::from_spki(spki(point()));
  REQUIRE(key.usable());
  CHECK(key.verify(as_bytes(kMessage), signature()) == Es256::kValid);
  CHECK(key.verify(as_bytes(kMessage), signature()) == Es256::kValid);  // a key serves again
  for (std::size_t bit = 0; bit < 512; bit += 5) {
    Bytes changed = signature();
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    CHECK(key.verify(as_bytes(kMessage), changed) != Es256::kValid);
  }
  CHECK(key.verify(as_bytes(kMessage + "A"), signature()) == Es256::kMismatch);
  CHECK(key.verify({}, signature()) == Es256::kMismatch);
}

// The key of RFC 8225 appendix A, and what it signed in draft-ietf-stir-passport-11, where iat was still a text.
TEST_CASE("the token of another implementer verifies with the key of RFC 8225", "[ecdsa]") {
  const Bytes public_key = *decode_base64(
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH78YTU8qLS8I5HLHSSmlATLcslQMhNC/"
      "OhlWBYC626nIlo7XeebYS"
      "7Sb37g==");
  const Es256Key key = Es256Key::from_spki(public_key);
  REQUIRE(key.usable());
  const std::string signed_part =
      "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9."
      "eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEy"
      "MTIi"
      "fX0";
  const Bytes made =
      *decode_base64url("rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w");
  CHECK(key.verify(as_bytes(signed_part), made) == Es256::kValid);
  CHECK(key.verify(as_bytes(signed_part.substr(0, signed_part.size() - 1) + "1"), made) == Es256::kMismatch);
}

TEST_CASE("the ways to write a signature wrongly are told apart", "[ecdsa]") {
  const Es256Key key = Es256Key::from_spki(spki(point()));
  const ByteView message = as_bytes(kMessage);
  const Bytes r = half(signature(), false);
  const Bytes s = half(signature(), true);
  CHECK(key.verify(message, der(r, s)) == Es256::kDer);
  CHECK(key.verify(as_bytes("other"), der(r, s)) == Es256::kDerMismatch);
  CHECK(key.verify(message, joined(der(r, s), {0})) == Es256::kBadLength);
  CHECK(key.verify(message, joined(s, r)) == Es256::kSwapped);
  CHECK(key.verify(message, joined(signature(), {0})) == Es256::kBadLength);
  CHECK(key.verify(message, joined(r, Bytes(31, 1))) == Es256::kBadLength);
  CHECK(key.verify(message, {}) == Es256::kBadLength);
  const Bytes zero(32, 0);
  CHECK(key.verify(message, joined(zero, s)) == Es256::kZero);
  CHECK(key.verify(message, joined(r, zero)) == Es256::kZero);
  CHECK(key.verify(message, joined(zero, zero)) == Es256::kZero);
  const Bytes order = *decode_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  Bytes below = order;
  below.back() -= 1;
  CHECK(key.verify(message, joined(order, s)) == Es256::kOutOfRange);
  CHECK(key.verify(message, joined(r, order)) == Es256::kOutOfRange);
  CHECK(key.verify(message, joined(r, Bytes(32, 0xff))) == Es256::kOutOfRange);
  CHECK(key.verify(message, joined(r, below)) == Es256::kMismatch);
}

TEST_CASE("only a point of the named curve P-256 is a key", "[ecdsa]") {
  Bytes off = point();
  off.back() ^= 1;
  CHECK_FALSE(Es256Key::from_spki(spki(off)).usable());
  CHECK_FALSE(Es256Key::from_spki(spki(point(), "06082a8648ce3d030106")).usable());  // another curve of that arc
  CHECK_FALSE(Es256Key::from_spki(joined(spki(point()), {0})).usable());
  const Bytes whole = spki(point());
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK_FALSE(Es256Key::from_spki(first_bytes(whole, n)).usable());
  CHECK(Es256Key::from_spki({}).verify(as_bytes(kMessage), signature()) == Es256::kNoKey);
}
