#include "crypto/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <algorithm>

#include "crypto/asn1.h"

namespace voip::crypto {

namespace {

Timestamp time_of(const ASN1_TIME* text) {
  constexpr std::int64_t kMostSeconds = 9'000'000'000;  // what nanoseconds in 64 bits can hold
  const std::int64_t seconds = seconds_of(text).value_or(0);
  if (seconds <= 0) return {};
  return Timestamp{std::min(seconds, kMostSeconds) * kNsPerSecond};
}

void read_key(const X509& certificate, CertificateFacts& facts) {
  const EVP_PKEY* key = X509_get0_pubkey(&certificate);
  if (key == nullptr) return;
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS: facts.key_type = KeyType::kRsa; break;
    case EVP_PKEY_EC: facts.key_type = KeyType::kEc; break;
    case EVP_PKEY_DSA: facts.key_type = KeyType::kDsa; break;
    case EVP_PKEY_ED25519:
    case EVP_PKEY_ED448: facts.key_type = KeyType::kEdwards; break;
    default: break;
  }
  facts.key_bits = static_cast<unsigned>(std::max(0, EVP_PKEY_get_bits(key)));
}

void read_signature(X509& certificate, CertificateFacts& facts) {
  int digest = NID_undef;
  int bits = 0;
  if (X509_get_signature_info(&certificate, &digest, nullptr, &bits, nullptr) != 1 || digest == NID_undef) {
    // Digests that the library no longer offers still have a name.
    const int algorithm = X509_get_signature_nid(&certificate);
    if (OBJ_find_sigid_algs(algorithm, &digest, nullptr) != 1 || digest == NID_undef) return;
  }
  if (const char* name = OBJ_nid2sn(digest); name != nullptr) facts.signature_digest = name;
  std::ranges::transform(facts.signature_digest, facts.signature_digest.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  facts.signature_bits = static_cast<unsigned>(std::max(0, bits));
}

}  // namespace

std::string_view to_string(KeyType type) {
  switch (type) {
    case KeyType::kRsa: return "RSA";
    case KeyType::kEc: return "EC";
    case KeyType::kDsa: return "DSA";
    case KeyType::kEdwards: return "EdDSA";
    case KeyType::kOther: break;
  }
  return "unknown";
}

CertificateFacts read_certificate(ByteView der) {
  CertificateFacts facts;
  for (std::size_t i = 0; i < facts.digests.size(); ++i) facts.digests[i] = digest(static_cast<Hash>(i), der);
  const unsigned char* at = der.data();
  const Owned<X509, X509_free> certificate{der.empty() ? nullptr
                                                       : d2i_X509(nullptr, &at, static_cast<long>(der.size()))};
  if (certificate != nullptr) {
    facts.readable = true;
    read_key(*certificate, facts);
    read_signature(*certificate, facts);
    facts.self_signed =
        X509_NAME_cmp(X509_get_subject_name(certificate.get()), X509_get_issuer_name(certificate.get())) == 0;
    facts.not_before = time_of(X509_get0_notBefore(certificate.get()));
    facts.not_after = time_of(X509_get0_notAfter(certificate.get()));
  }
  ERR_clear_error();
  return facts;
}

}  // namespace voip::crypto
