#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/x509.h"

namespace voip::crypto {

// One entry that was found.
struct Revoked {
  std::int64_t since = 0;  // revocationDate, seconds since 1970
  std::string reason;      // "keyCompromise", ...; empty when not given
};

// A certificate revocation list, also an indirect one (RFC 5280 section 5.2.5: entries name the issuer that they are
// about, and later entries inherit it).
class Crl {
 public:
  static std::shared_ptr<const Crl> parse(ByteView der);
  ~Crl();
  Crl(const Crl&) = delete;
  Crl& operator=(const Crl&) = delete;

  const std::string& issuer() const { return issuer_; }           // RFC 4514
  const std::string& issuer_key() const { return issuer_key_; }   // folded
  const std::string& number() const { return number_; }           // hex; may be empty
  const std::vector<std::string>& urls() const { return urls_; }  // of the issuing distribution point
  std::int64_t this_update() const { return this_update_; }
  std::optional<std::int64_t> next_update() const { return next_update_; }
  std::size_t size() const { return entries_.size(); }
  bool indirect() const { return indirect_; }
  // Why it may not be relied on whoever signed it: an unknown critical extension, a delta, damage. Empty: it may.
  const std::string& defect() const { return defect_; }

  bool signed_by(const Certificate& signer) const;
  // Whether silence about the certificate means that it is not revoked.
  bool covers(const Certificate& certificate) const;
  std::optional<Revoked> find(const Certificate& certificate) const;

 private:
  Crl();
  struct Native;
  struct Entry {
    std::uint32_t issuer = 0;  // into issuers_
    std::vector<std::uint8_t> serial;
    Revoked revoked;
  };

  void spoil(std::string why);
  void read_extensions();
  void read_entries();

  std::unique_ptr<Native> native_;
  std::string issuer_;
  std::string issuer_key_;
  std::string number_;
  std::vector<std::string> urls_;
  std::int64_t this_update_ = 0;
  std::optional<std::int64_t> next_update_;
  bool indirect_ = false;
  bool only_users_ = false;
  bool only_authorities_ = false;
  bool only_other_ = false;  // attribute certificates, or some reasons only
  std::string defect_;
  std::vector<std::vector<std::string>> issuers_;  // folded names; several of one issuer are possible
  std::vector<Entry> entries_;                     // sorted by serial
};
using CrlPtr = std::shared_ptr<const Crl>;

}  // namespace voip::crypto
