#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::crypto {

enum class Hash : std::uint8_t { kMd5, kSha1, kSha224, kSha256, kSha384, kSha512, kSha512_256 };

// The names of RFC 8122 (a=fingerprint) and RFC 8760 (digest authentication), in any case: "sha-256", "SHA-512-256",
// "md5".
std::optional<Hash> hash_by_name(std::string_view name);
std::string_view to_string(Hash hash);  // "sha-256"
std::size_t digest_size(Hash hash);     // bytes

// A hash value of any of the kinds above.
struct Digest {
  std::array<std::uint8_t, 64> bytes{};
  std::size_t size = 0;

  ByteView view() const { return {bytes.data(), size}; }
  std::string hex() const;  // lower case, no separators
};

// A digest of size 0 when the library refuses the hash (MD5 where only FIPS providers are loaded).
Digest digest(Hash hash, ByteView bytes);
// RFC 2104. An empty key is allowed.
Digest hmac(Hash hash, ByteView key, ByteView bytes);

std::array<std::uint8_t, 20> sha1(ByteView bytes);
std::array<std::uint8_t, 32> sha256(ByteView bytes);

// A hash over bytes that come in pieces.
class Hasher {
 public:
  explicit Hasher(Hash hash);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(ByteView bytes);
  Digest finish();  // and starts anew

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Of a file's contents, lower-case hex. Reads front to back once, so a pipe is possible.
Result<std::string> sha256_file(const std::string& path);

// Without a hint in its timing at where they differ. False when the sizes differ.
bool equal_constant_time(ByteView a, ByteView b);

}  // namespace voip::crypto
