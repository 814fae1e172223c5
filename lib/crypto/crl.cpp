#include "crypto/crl.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/codec.h"
#include "crypto/asn1.h"

namespace voip::crypto {

namespace {

constexpr int kMaxNames = 64;  // of one certificateIssuer

std::string reason_text(std::int64_t reason) {
  switch (reason) {
    case CRL_REASON_UNSPECIFIED: return "unspecified";
    case CRL_REASON_KEY_COMPROMISE: return "keyCompromise";
    case CRL_REASON_CA_COMPROMISE: return "cACompromise";
    case CRL_REASON_AFFILIATION_CHANGED: return "affiliationChanged";
    case CRL_REASON_SUPERSEDED: return "superseded";
    case CRL_REASON_CESSATION_OF_OPERATION: return "cessationOfOperation";
    case CRL_REASON_CERTIFICATE_HOLD: return "certificateHold";
    case CRL_REASON_PRIVILEGE_WITHDRAWN: return "privilegeWithdrawn";
    case CRL_REASON_AA_COMPROMISE: return "aACompromise";
    default: return "reason " + std::to_string(reason);
  }
}

std::vector<std::string> directory_names(const GENERAL_NAMES* names) {
  std::vector<std::string> folded;
  for (int i = 0; i < std::min(sk_GENERAL_NAME_num(names), kMaxNames); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DIRNAME) folded.push_back(fold_name(der_of(name->d.directoryName)));
  }
  return folded;
}

struct EntryExtensions {
  std::optional<std::vector<std::string>> issuer;
  std::int64_t reason = -1;
  std::string defect;
};

EntryExtensions read_entry(const X509_REVOKED* entry) {
  EntryExtensions result;
  const int count = X509_REVOKED_get_ext_count(entry);
  for (int i = 0; i < count; ++i) {
    X509_EXTENSION* one = X509_REVOKED_get_ext(entry, i);
    const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(one));
    if (nid == NID_certificate_issuer) {
      auto* names = static_cast<GENERAL_NAMES*>(X509V3_EXT_d2i(one));
      std::vector<std::string> issuers = directory_names(names);
      GENERAL_NAMES_free(names);
      if (issuers.empty() || result.issuer.has_value()) result.defect = "a certificateIssuer that can't be read";
      result.issuer = std::move(issuers);
    } else if (nid == NID_crl_reason) {
      auto* reason = static_cast<ASN1_ENUMERATED*>(X509V3_EXT_d2i(one));
      if (reason == nullptr || ASN1_ENUMERATED_get_int64(&result.reason, reason) != 1) result.reason = -1;
      ASN1_ENUMERATED_free(reason);
    } else if (nid != NID_invalidity_date && X509_EXTENSION_get_critical(one) == 1) {
      result.defect = "unknown critical entry extension " + oid_text(X509_EXTENSION_get_object(one));
    }
  }
  return result;
}

}  // namespace

struct Crl::Native {
  Owned<X509_CRL, X509_CRL_free> list;
};

Crl::Crl() : native_(std::make_unique<Native>()) {}
Crl::~Crl() = default;

std::shared_ptr<const Crl> Crl::parse(ByteView der) {
  const std::shared_ptr<Crl> made{new Crl};
  const unsigned char* at = der.data();
  made->native_->list.reset(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
  X509_CRL* list = made->native_->list.get();
  const bool whole = list != nullptr && at == der.data() + der.size();
  if (whole) {
    const X509_NAME* issuer = X509_CRL_get_issuer(list);
    made->issuer_ = name_text(der_of(issuer));
    made->issuer_key_ = fold_name(der_of(issuer));
    const auto this_update = seconds_of(X509_CRL_get0_lastUpdate(list));
    if (!this_update.has_value()) made->spoil("a thisUpdate that can't be read");
    made->this_update_ = this_update.value_or(0);
    const ASN1_TIME* next = X509_CRL_get0_nextUpdate(list);
    made->next_update_ = seconds_of(next);
    if (next != nullptr && !made->next_update_.has_value()) made->spoil("a nextUpdate that can't be read");
    made->read_extensions();
    made->read_entries();
  }
  ERR_clear_error();
  return whole ? made : nullptr;
}

void Crl::spoil(std::string why) {
  if (defect_.empty()) defect_ = std::move(why);
}

void Crl::read_extensions() {
  const X509_CRL* list = native_->list.get();
  bool has_point = false;
  const int count = X509_CRL_get_ext_count(list);
  for (int i = 0; i < count; ++i) {
    X509_EXTENSION* one = X509_CRL_get_ext(list, i);
    const ASN1_OBJECT* oid = X509_EXTENSION_get_object(one);
    const int nid = OBJ_obj2nid(oid);
    if (nid == NID_issuing_distribution_point) {
      auto* point = static_cast<ISSUING_DIST_POINT*>(X509V3_EXT_d2i(one));
      if (point == nullptr || has_point) spoil("an issuingDistributionPoint that can't be read");
      has_point = true;
      if (point != nullptr) {
        indirect_ = point->indirectCRL > 0;
        only_users_ = point->onlyuser > 0;
        only_authorities_ = point->onlyCA > 0;
        only_other_ = point->onlyattr > 0 || point->onlysomereasons != nullptr;
        if (point->distpoint != nullptr && point->distpoint->type == 0) {
          const GENERAL_NAMES* names = point->distpoint->name.fullname;
          for (int k = 0; k < std::min(sk_GENERAL_NAME_num(names), kMaxNames); ++k) {
            const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, k);
            if (name->type == GEN_URI) urls_.emplace_back(as_text(bytes_of(name->d.uniformResourceIdentifier)));
          }
        }
      }
      ISSUING_DIST_POINT_free(point);
    } else if (nid == NID_crl_number) {
      auto* number = static_cast<ASN1_INTEGER*>(X509V3_EXT_d2i(one));
      number_ = encode_hex(first_bytes(bytes_of(number), 20));
      ASN1_INTEGER_free(number);
    } else if (nid == NID_delta_crl) {
      spoil("a delta of another list");
    } else if (nid != NID_authority_key_identifier && X509_EXTENSION_get_critical(one) == 1) {
      spoil("unknown critical extension " + oid_text(oid));
    }
  }
}

void Crl::read_entries() {
  // In the order of the file: each entry inherits the issuer of the one before (RFC 5280 section 5.3.3).
  STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(native_->list.get());
  std::map<std::vector<std::string>, std::uint32_t> known;
  issuers_.push_back({issuer_key_});
  known.emplace(issuers_.front(), 0);
  std::uint32_t issuer = 0;
  for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i) {
    const X509_REVOKED* one = sk_X509_REVOKED_value(revoked, i);
    const EntryExtensions extensions = read_entry(one);
    if (!extensions.defect.empty()) spoil(extensions.defect);
    if (extensions.issuer.has_value()) {
      const auto [at, added] = known.emplace(*extensions.issuer, static_cast<std::uint32_t>(issuers_.size()));
      if (added) issuers_.push_back(*extensions.issuer);
      issuer = at->second;
    }
    if (extensions.reason == CRL_REASON_REMOVE_FROM_CRL) continue;
    Entry entry;
    entry.issuer = issuer;
    const ByteView serial = bytes_of(X509_REVOKED_get0_serialNumber(one));
    entry.serial.assign(serial.begin(), serial.end());
    entry.revoked.since = seconds_of(X509_REVOKED_get0_revocationDate(one)).value_or(0);
    if (extensions.reason >= 0) entry.revoked.reason = reason_text(extensions.reason);
    entries_.push_back(std::move(entry));
  }
  std::ranges::stable_sort(entries_, std::ranges::less{}, &Entry::serial);
}

bool Crl::signed_by(const Certificate& signer) const {
  if (issuer_key_ != signer.subject_key()) return false;
  int hash = NID_undef;
  const int algorithm = X509_CRL_get_signature_nid(native_->list.get());
  if (OBJ_find_sigid_algs(algorithm, &hash, nullptr) != 1 ||
      (hash != NID_sha256 && hash != NID_sha384 && hash != NID_sha512)) {
    return false;
  }
  const unsigned char* at = signer.spki().data();
  EVP_PKEY* key = d2i_PUBKEY(nullptr, &at, static_cast<long>(signer.spki().size()));
  const bool fits = key != nullptr && X509_CRL_verify(native_->list.get(), key) == 1;
  EVP_PKEY_free(key);
  ERR_clear_error();
  return fits;
}

bool Crl::covers(const Certificate& certificate) const {
  const bool authority = certificate.facts().is_ca;
  if (only_other_ || (only_users_ && authority) || (only_authorities_ && !authority)) return false;
  return indirect_ || certificate.issuer_key() == issuer_key_;
}

std::optional<Revoked> Crl::find(const Certificate& certificate) const {
  const std::vector<std::uint8_t> serial(certificate.serial().begin(), certificate.serial().end());
  for (auto at = std::ranges::lower_bound(entries_, serial, std::ranges::less{}, &Entry::serial);
       at != entries_.end() && at->serial == serial; ++at) {
    const std::vector<std::string>& issuers = issuers_[at->issuer];
    if (std::ranges::find(issuers, certificate.issuer_key()) != issuers.end()) return at->revoked;
  }
  return std::nullopt;
}

}  // namespace voip::crypto
