#include "crypto/digest.h"

#include <catch2/catch.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/codec.h"

using namespace voip;
using crypto::Hash;

TEST_CASE("each hash gives its published value of \"abc\"", "[digest]") {
  const ByteView abc = as_bytes("abc");
  CHECK(crypto::digest(Hash::kMd5, abc).hex() == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(crypto::digest(Hash::kSha1, abc).hex() == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(crypto::digest(Hash::kSha224, abc).hex() == "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
  CHECK(crypto::digest(Hash::kSha256, abc).hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(crypto::digest(Hash::kSha384, abc).hex() ==
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  CHECK(crypto::digest(Hash::kSha512, abc).hex() ==
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  CHECK(crypto::digest(Hash::kSha512_256, abc).hex() ==
        "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
  CHECK(encode_hex(crypto::sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(encode_hex(crypto::sha1(abc)) == crypto::digest(Hash::kSha1, abc).hex());
}

TEST_CASE("hash names of fingerprints and digest algorithms are found in any case", "[digest]") {
  CHECK(crypto::hash_by_name("sha-256") == Hash::kSha256);
  CHECK(crypto::hash_by_name("SHA-512-256") == Hash::kSha512_256);
  CHECK(crypto::hash_by_name("MD5") == Hash::kMd5);
  CHECK(crypto::hash_by_name("sha-1") == Hash::kSha1);
  CHECK_FALSE(crypto::hash_by_name("sha-25").has_value());
  CHECK_FALSE(crypto::hash_by_name("").has_value());
  for (int i = 0; i < 7; ++i) {
    const auto hash = static_cast<Hash>(i);
    CHECK(crypto::hash_by_name(crypto::to_string(hash)) == hash);
    CHECK(crypto::digest(hash, {}).size == crypto::digest_size(hash));
  }
}

TEST_CASE("HMAC follows RFC 2202 and RFC 4231, also with keys longer than a block and empty ones", "[digest]") {
  const std::vector<std::uint8_t> key(20, 0x0b);
  CHECK(crypto::hmac(Hash::kSha1, key, as_bytes("Hi There")).hex() == "b617318655057264e28bc0b6fb378c8ef146be00");
  CHECK(crypto::hmac(Hash::kSha256, as_bytes("Jefe"), as_bytes("what do ya want for nothing?")).hex() ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::vector<std::uint8_t> long_key(80, 0xaa);
  CHECK(crypto::hmac(Hash::kSha1, long_key, as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")).hex() ==
        "aa4ae5e15272d00e95705637ce8a3b55ed402112");
  CHECK(crypto::hmac(Hash::kSha256, {}, {}).hex() ==
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("a hash taken in pieces is the hash of the whole", "[digest]") {
  crypto::Hasher hasher{Hash::kSha256};
  hasher.update(as_bytes("a"));
  hasher.update(as_bytes("bc"));
  CHECK(hasher.finish().hex() == encode_hex(crypto::sha256(as_bytes("abc"))));
  CHECK(hasher.finish().hex() == encode_hex(crypto::sha256({})));
}

TEST_CASE("a file is hashed over its whole length whatever its size, and a missing one is named", "[digest]") {
  const auto path = (std::filesystem::temp_directory_path() / "voip_digest_test.bin").string();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 18, (std::size_t{1} << 18) + 7}) {
    const std::string text(size, 'x');
    std::ofstream(path, std::ios::binary) << text;
    const auto hex = crypto::sha256_file(path);
    REQUIRE(hex.ok());
    CHECK(*hex == encode_hex(crypto::sha256(as_bytes(text))));
  }
  std::remove(path.c_str());
  const auto missing = crypto::sha256_file(path);
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().message.find(path) != std::string::npos);
  CHECK_FALSE(crypto::sha256_file("/").ok());
}

TEST_CASE("constant-time comparison looks at all bytes and at the size", "[digest]") {
  CHECK(crypto::equal_constant_time(as_bytes("abc"), as_bytes("abc")));
  CHECK_FALSE(crypto::equal_constant_time(as_bytes("abc"), as_bytes("abd")));
  CHECK_FALSE(crypto::equal_constant_time(as_bytes("abc"), as_bytes("ab")));
  CHECK(crypto::equal_constant_time({}, {}));
}
