#include "crypto/ecdsa.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "crypto/digest.h"

namespace voip::crypto {

namespace {

constexpr std::size_t kHalf = 32;
using Half = std::array<std::uint8_t, kHalf>;

// The order of the group of P-256 (SEC 2 section 2.4.2).
constexpr Half kOrder{0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

bool is_zero(const Half& half) {
  return std::ranges::all_of(half, [](std::uint8_t byte) { return byte == 0; });
}

struct DerSignature {
  std::array<std::uint8_t, 72> bytes{};
  std::size_t size = 0;

  void put(std::uint8_t byte) { bytes[size++] = byte; }
  void put_integer(const Half& value) {
    std::size_t skip = 0;
    while (skip + 1 < kHalf && value[skip] == 0) ++skip;
    const bool sign_byte = (value[skip] & 0x80) != 0;
    put(0x02);
    put(static_cast<std::uint8_t>(kHalf - skip + (sign_byte ? 1 : 0)));
    if (sign_byte) put(0);
    for (std::size_t i = skip; i < kHalf; ++i) put(value[i]);
  }
};

DerSignature to_der(const Half& r, const Half& s) {
  DerSignature der;
  der.put(0x30);
  der.put(0);
  der.put_integer(r);
  der.put_integer(s);
  der.bytes[1] = static_cast<std::uint8_t>(der.size - 2);
  return der;
}

Half half_at(ByteView signature, std::size_t offset) {
  Half half{};
  std::ranges::copy(signature.subspan(offset, kHalf), half.begin());
  return half;
}

bool is_der(ByteView signature) {
  if (signature.size() < 8 || signature[0] != 0x30) return false;
  const unsigned char* at = signature.data();
  ECDSA_SIG* parsed = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size()));
  const bool whole = parsed != nullptr && at == signature.data() + signature.size();
  ECDSA_SIG_free(parsed);
  ERR_clear_error();
  return whole;
}

}  // namespace

const char* to_string(Es256 verdict) {
  switch (verdict) {
    case Es256::kValid: return "verifies";
    case Es256::kMismatch: return "does not verify with the certificate's key";
    case Es256::kBadLength: return "is not 64 bytes long";
    case Es256::kDer: return "is DER-encoded; it would verify as r and s of 32 bytes each";
    case Es256::kDerMismatch: return "is DER-encoded, and does not verify either way";
    case Es256::kSwapped: return "verifies only with r and s changed round";
    case Es256::kZero: return "has an r or s of zero";
    case Es256::kOutOfRange: return "has an r or s that is not below the order of the curve";
    case Es256::kNoKey: return "can't be verified: the certificate has no P-256 key";
  }
  return "";
}

struct Es256Key::State {
  EVP_PKEY_CTX* context = nullptr;

  ~State() { EVP_PKEY_CTX_free(context); }
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool verifies(ByteView der, const std::array<std::uint8_t, 32>& hash) const {
    return EVP_PKEY_verify(context, der.data(), der.size(), hash.data(), hash.size()) == 1;
  }
  bool verifies(const Half& r, const Half& s, const std::array<std::uint8_t, 32>& hash) const {
    const DerSignature der = to_der(r, s);
    return verifies(ByteView{der.bytes.data(), der.size}, hash);
  }
};

Es256Key::Es256Key() = default;
Es256Key::~Es256Key() = default;
Es256Key::Es256Key(Es256Key&&) noexcept = default;
Es256Key& Es256Key::operator=(Es256Key&&) noexcept = default;

Es256Key Es256Key::from_spki(ByteView der) {
  Es256Key key;
  const unsigned char* at = der.data();
  X509_PUBKEY* spki = d2i_X509_PUBKEY(nullptr, &at, static_cast<long>(der.size()));
  if (spki != nullptr && at == der.data() + der.size()) {
    // The parameters must name the curve: explicit ones, even if equal, are how CVE-2020-0601 was used.
    ASN1_OBJECT* algorithm = nullptr;
    X509_ALGOR* identifier = nullptr;
    const ASN1_OBJECT* which = nullptr;
    int type = 0;
    const void* curve = nullptr;
    X509_PUBKEY_get0_param(&algorithm, nullptr, nullptr, &identifier, spki);
    X509_ALGOR_get0(&which, &type, &curve, identifier);
    const bool named = OBJ_obj2nid(algorithm) == NID_X9_62_id_ecPublicKey && type == V_ASN1_OBJECT &&
                       OBJ_obj2nid(static_cast<const ASN1_OBJECT*>(curve)) == NID_X9_62_prime256v1;
    EVP_PKEY* pkey = named ? X509_PUBKEY_get0(spki) : nullptr;
    if (pkey != nullptr) {
      auto state = std::make_unique<State>();
      state->context = EVP_PKEY_CTX_new_from_pkey(nullptr, pkey, nullptr);
      if (state->context != nullptr && EVP_PKEY_public_check(state->context) == 1 &&
          EVP_PKEY_verify_init(state->context) == 1) {
        key.state_ = std::move(state);
      }
    }
  }
  X509_PUBKEY_free(spki);
  ERR_clear_error();
  return key;
}

bool Es256Key::usable() const { return state_ != nullptr; }

Es256 Es256Key::verify(ByteView message, ByteView signature) const {
  if (!usable()) return Es256::kNoKey;
  const auto hash = sha256(message);
  Es256 verdict = Es256::kBadLength;
  if (signature.size() == 2 * kHalf) {
    const Half r = half_at(signature, 0);
    const Half s = half_at(signature, kHalf);
    if (is_zero(r) || is_zero(s)) {
      verdict = Es256::kZero;
    } else if (r >= kOrder || s >= kOrder) {
      verdict = Es256::kOutOfRange;
    } else if (state_->verifies(r, s, hash)) {
      return Es256::kValid;
    } else {
      verdict = state_->verifies(s, r, hash) ? Es256::kSwapped : Es256::kMismatch;
    }
  }
  if (verdict != Es256::kSwapped && is_der(signature)) {
    verdict = state_->verifies(signature, hash) ? Es256::kDer : Es256::kDerMismatch;
  }
  ERR_clear_error();
  return verdict;
}

}  // namespace voip::crypto
