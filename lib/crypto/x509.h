#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/ecdsa.h"
#include "crypto/stir_extensions.h"

namespace voip::crypto {

// What stands in a certificate. Times are seconds since 1970; names are in the form of RFC 4514 ("CN=SHAKEN
// 1234,O=...").
struct X509Facts {
  std::string subject;
  std::string issuer;
  std::string subject_cn;
  std::string subject_organization;
  std::string subject_country;
  std::string subject_serial_number;  // the attribute
  std::string issuer_cn;
  std::string serial;      // hex, lower case, as long as it is
  std::string sha256;      // of the DER, hex, lower case
  std::string key_sha256;  // of the SubjectPublicKeyInfo
  std::int64_t not_before = 0;
  std::int64_t not_after = 0;
  int version = 3;

  std::string key;    // "P-256", "P-384", "RSA-2048", "P-256 with explicit parameters", ...
  bool p256 = false;  // the named curve
  bool p384 = false;
  std::string signature_algorithm;  // "ecdsa-with-SHA256", ...
  bool ecdsa_sha256 = false;
  bool ecdsa_sha384 = false;

  bool self_issued = false;  // subject = issuer
  bool is_ca = false;        // basicConstraints says so
  std::optional<std::uint32_t> path_length;
  bool has_key_usage = false;
  bool key_usage_critical = false;
  bool digital_signature = false;
  bool key_cert_sign = false;
  bool crl_sign = false;
  std::string malformed;  // what an extension that can't be read is, or one that stands twice; else empty
  std::vector<std::string> unknown_critical;  // OIDs
  std::vector<std::string> policies;          // OIDs
  bool policies_critical = false;
  std::vector<std::string> crl_urls;  // of the CRL distribution points
  std::string crl_issuer;             // of the first, RFC 4514; empty when it is the certificate's own

  bool has_tn_list = false;
  std::optional<TnAuthList> tn_list;  // empty when there is none, or a malformed one
  std::string tn_list_error;          // the field where it went wrong
  std::string tn_list_hex;            // its contents, at most 64 bytes of them
  std::string tn_list_url;            // by reference (RFC 8226 section 10.1)
  std::vector<ClaimConstraints> constraints;
  std::string constraints_error;

  // The service provider code of a provider's certificate; several, which none should have, with commas between them.
  std::string spc() const;
};

class Certificate {
 public:
  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  // Null when OpenSSL can't read it, or there are bytes left over.
  static std::shared_ptr<const Certificate> parse(ByteView der);

  const X509Facts& facts() const { return facts_; }
  ByteView der() const { return der_; }
  ByteView spki() const { return spki_; }
  Es256 verify(ByteView message, ByteView signature) const { return key_.verify(message, signature); }

  // Names folded (case, blanks, string type) so that they can be compared as RFC 5280 section 7.1 says.
  const std::string& subject_key() const { return subject_key_; }
  const std::string& issuer_key() const { return issuer_key_; }
  ByteView serial() const { return serial_; }  // magnitude

  enum class Issued : std::uint8_t { kYes, kOtherName, kOtherKeyId, kBadSignature };
  // Whether `issuer` issued this, by names, key identifiers and signature, in that order (the cheap ones first).
  Issued issued_by(const Certificate& issuer, bool check_signature) const;
  // Whether the name constraints of `authority` allow this one's names. Empty when they do, else what is broken.
  std::string breaks_name_constraints_of(const Certificate& authority) const;
  // A second opinion on a whole path (leaf first, trust anchor last), times apart: OpenSSL's. Empty when it agrees.
  static std::string path_objection(const std::vector<const Certificate*>& path);

 private:
  struct Native;
  Certificate();

  std::unique_ptr<Native> native_;
  X509Facts facts_;
  std::vector<std::uint8_t> der_;
  std::vector<std::uint8_t> spki_;
  std::vector<std::uint8_t> serial_;
  std::string subject_key_;
  std::string issuer_key_;
  Es256Key key_;
};
using CertificatePtr = std::shared_ptr<const Certificate>;

// What a file held.
struct CertificateFile {
  std::vector<CertificatePtr> certificates;     // in file order, each once
  std::vector<std::vector<std::uint8_t>> crls;  // DER
  std::size_t unreadable = 0;                   // blocks that are none of these, or damaged
  bool capped = false;                          // more than `max`; the rest was left out
};

// PEM (any text around the blocks), DER, or PKCS #7 in either; certificates and CRLs.
CertificateFile read_certificates(ByteView file, std::size_t max = 64);

// RFC 3339 in UTC of seconds since 1970, for any year of a certificate.
std::string utc_text(std::int64_t seconds);

// A DER Name, folded like Certificate::subject_key, and in the form of RFC 4514.
std::string fold_name(ByteView der);
std::string name_text(ByteView der);

}  // namespace voip::crypto
