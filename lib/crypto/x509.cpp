#include "crypto/x509.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <set>

#include "base/codec.h"
#include "base/text.h"
#include "crypto/asn1.h"
#include "crypto/digest.h"

namespace voip::crypto {

namespace {

constexpr int kMaxExtensions = 128;
constexpr std::size_t kMaxListed = 64;
constexpr std::string_view kTnAuthListOid = "1.3.6.1.5.5.7.1.26";
constexpr std::string_view kClaimConstraintsOid = "1.3.6.1.5.5.7.1.27";
constexpr std::string_view kEnhancedConstraintsOid = "1.3.6.1.5.5.7.1.33";
constexpr std::string_view kTnListAccessOid = "1.3.6.1.5.5.7.48.14";

using BioPtr = Owned<BIO, BIO_free_all>;
using NamePtr = Owned<X509_NAME, X509_NAME_free>;

std::string utf8_of(const ASN1_STRING* string) {
  unsigned char* text = nullptr;
  const int n = string == nullptr ? -1 : ASN1_STRING_to_UTF8(&text, string);
  std::string result = n < 0 ? std::string{} : std::string{as_text({text, static_cast<std::size_t>(n)})};
  OPENSSL_free(text);
  return result;
}

std::string text_of(const X509_NAME* name) {
  const BioPtr out{BIO_new(BIO_s_mem())};
  // RFC 2253 form, but letters beyond ASCII stay as they are.
  if (name == nullptr || out == nullptr ||
      X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB)) < 0) {
    return {};
  }
  char* data = nullptr;
  const long n = BIO_get_mem_data(out.get(), &data);
  return n <= 0 ? std::string{} : std::string{data, static_cast<std::size_t>(n)};
}

std::string attribute(const X509_NAME* name, int nid) {
  const int at = X509_NAME_get_index_by_NID(name, nid, -1);
  return at < 0 ? std::string{} : utf8_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

// Lower case, blanks at the ends dropped and runs of them made one.
std::string fold_text(std::string_view text) {
  std::string folded;
  for (const char c : trim(text)) {
    if (is_space(c)) {
      if (!folded.empty() && folded.back() != ' ') folded += ' ';
    } else {
      folded += ascii_lower(c);
    }
  }
  return folded;
}

std::string folded(const X509_NAME* name) {
  std::string result;
  std::vector<std::string> set;
  int set_number = -1;
  const auto flush = [&] {
    std::ranges::sort(set);
    for (const std::string& one : set) result += one;
    if (!set.empty()) result += '/';
    set.clear();
  };
  const int entries = name == nullptr ? 0 : X509_NAME_entry_count(name);
  for (int i = 0; i < entries; ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    if (X509_NAME_ENTRY_set(entry) != set_number) flush();
    set_number = X509_NAME_ENTRY_set(entry);
    const ASN1_STRING* data = X509_NAME_ENTRY_get_data(entry);
    const std::string utf8 = utf8_of(data);
    const std::string value = utf8.empty() ? "#" + encode_hex(bytes_of(data)) : fold_text(utf8);
    // Lengths keep one attribute from posing as two.
    set.push_back(oid_text(X509_NAME_ENTRY_get_object(entry)) + "=" + std::to_string(value.size()) + ":" + value);
  }
  flush();
  return result;
}

std::string uri_of(const GENERAL_NAME* name) {
  if (name == nullptr || name->type != GEN_URI) return {};
  return std::string{as_text(bytes_of(name->d.uniformResourceIdentifier))};
}

void note_malformed(X509Facts& facts, std::string_view what) {
  if (facts.malformed.empty()) facts.malformed = what;
}

// The decoded extension, null when there is none; one that can't be decoded or stands twice is noted.
template <class T>
T* extension(const X509* x, int nid, std::string_view what, X509Facts& facts, bool* critical = nullptr) {
  int mark = 0;
  T* value = static_cast<T*>(X509_get_ext_d2i(x, nid, &mark, nullptr));
  if (value == nullptr && mark != -1) note_malformed(facts, what);
  if (critical != nullptr) *critical = mark == 1;
  return value;
}

void read_key(X509* x, X509Facts& facts, bool usable_p256) {
  ASN1_OBJECT* algorithm = nullptr;
  X509_ALGOR* identifier = nullptr;
  const ASN1_OBJECT* which = nullptr;
  int type = 0;
  const void* parameters = nullptr;
  X509_PUBKEY_get0_param(&algorithm, nullptr, nullptr, &identifier, X509_get_X509_PUBKEY(x));
  X509_ALGOR_get0(&which, &type, &parameters, identifier);
  EVP_PKEY* key = X509_get0_pubkey(x);
  facts.p256 = usable_p256;
  if (OBJ_obj2nid(algorithm) == NID_X9_62_id_ecPublicKey) {
    const int curve = type == V_ASN1_OBJECT ? OBJ_obj2nid(static_cast<const ASN1_OBJECT*>(parameters)) : NID_undef;
    const char* nist = curve == NID_undef ? nullptr : EC_curve_nid2nist(curve);
    facts.key = type != V_ASN1_OBJECT ? "EC with explicit parameters"
                : nist != nullptr     ? std::string{nist}
                : curve != NID_undef  ? std::string{OBJ_nid2sn(curve)}
                                      : oid_text(static_cast<const ASN1_OBJECT*>(parameters));
    facts.p384 = curve == NID_secp384r1 && key != nullptr;
    if (key == nullptr || (curve == NID_X9_62_prime256v1 && !usable_p256)) facts.key += ", no point of the curve";
  } else if (key != nullptr && EVP_PKEY_is_a(key, "RSA") == 1) {
    facts.key = "RSA-" + std::to_string(EVP_PKEY_get_bits(key));
  } else {
    const char* name = key == nullptr ? nullptr : EVP_PKEY_get0_type_name(key);
    facts.key = name != nullptr ? std::string{name} : oid_text(algorithm);
  }
}

void read_signature(const X509* x, X509Facts& facts) {
  const int nid = X509_get_signature_nid(x);
  facts.ecdsa_sha256 = nid == NID_ecdsa_with_SHA256;
  facts.ecdsa_sha384 = nid == NID_ecdsa_with_SHA384;
  if (nid != NID_undef) {
    facts.signature_algorithm = OBJ_nid2sn(nid);
  } else {
    const X509_ALGOR* algorithm = X509_get0_tbs_sigalg(x);
    const ASN1_OBJECT* object = nullptr;
    X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
    facts.signature_algorithm = oid_text(object);
  }
}

void read_usage(X509* x, X509Facts& facts) {
  if (const Owned<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free> basic{
          extension<BASIC_CONSTRAINTS>(x, NID_basic_constraints, "basicConstraints", facts)}) {
    facts.is_ca = basic->ca != 0;
    std::int64_t length = 0;
    if (basic->pathlen != nullptr) {
      if (ASN1_INTEGER_get_int64(&length, basic->pathlen) == 1 && length >= 0) {
        facts.path_length = static_cast<std::uint32_t>(std::min<std::int64_t>(length, 1000));
      } else {
        note_malformed(facts, "basicConstraints");
      }
    }
  }
  if (const Owned<ASN1_BIT_STRING, ASN1_BIT_STRING_free> usage{
          extension<ASN1_BIT_STRING>(x, NID_key_usage, "keyUsage", facts, &facts.key_usage_critical)}) {
    facts.has_key_usage = true;
    facts.digital_signature = ASN1_BIT_STRING_get_bit(usage.get(), 0) == 1;
    facts.key_cert_sign = ASN1_BIT_STRING_get_bit(usage.get(), 5) == 1;
    facts.crl_sign = ASN1_BIT_STRING_get_bit(usage.get(), 6) == 1;
  }
}

void read_policies(const X509* x, X509Facts& facts) {
  const Owned<CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free> policies{extension<CERTIFICATEPOLICIES>(
      x, NID_certificate_policies, "certificatePolicies", facts, &facts.policies_critical)};
  for (int i = 0; i < sk_POLICYINFO_num(policies.get()) && facts.policies.size() < kMaxListed; ++i) {
    facts.policies.push_back(oid_text(sk_POLICYINFO_value(policies.get(), i)->policyid));
  }
}

void read_distribution_points(const X509* x, X509Facts& facts) {
  const Owned<CRL_DIST_POINTS, CRL_DIST_POINTS_free> points{
      extension<CRL_DIST_POINTS>(x, NID_crl_distribution_points, "cRLDistributionPoints", facts)};
  for (int i = 0; i < sk_DIST_POINT_num(points.get()) && facts.crl_urls.size() < kMaxListed; ++i) {
    const DIST_POINT* point = sk_DIST_POINT_value(points.get(), i);
    if (point->distpoint != nullptr && point->distpoint->type == 0) {
      const GENERAL_NAMES* names = point->distpoint->name.fullname;
      for (int k = 0; k < sk_GENERAL_NAME_num(names) && facts.crl_urls.size() < kMaxListed; ++k) {
        std::string uri = uri_of(sk_GENERAL_NAME_value(names, k));
        if (!uri.empty()) facts.crl_urls.push_back(std::move(uri));
      }
    }
    for (int k = 0; facts.crl_issuer.empty() && k < sk_GENERAL_NAME_num(point->CRLissuer); ++k) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(point->CRLissuer, k);
      if (name->type == GEN_DIRNAME) facts.crl_issuer = text_of(name->d.directoryName);
    }
  }
}

void read_access(const X509* x, X509Facts& facts) {
  const Owned<AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free> access{
      extension<AUTHORITY_INFO_ACCESS>(x, NID_info_access, "authorityInfoAccess", facts)};
  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access.get()); ++i) {
    const ACCESS_DESCRIPTION* one = sk_ACCESS_DESCRIPTION_value(access.get(), i);
    if (oid_text(one->method) != kTnListAccessOid) continue;
    facts.tn_list_url = uri_of(one->location);
    if (facts.tn_list_url.empty()) facts.tn_list_url = "?";
  }
}

void read_stir_extension(std::string_view oid, ByteView body, X509Facts& facts) {
  if (oid == kTnAuthListOid) {
    facts.has_tn_list = true;
    facts.tn_list_hex = encode_hex(first_bytes(body, 64));
    auto list = TnAuthList::parse(body);
    if (list.ok()) {
      facts.tn_list = std::move(*list);
    } else {
      facts.tn_list_error = list.error().field;
    }
  } else if (oid == kClaimConstraintsOid || oid == kEnhancedConstraintsOid) {
    auto constraints = ClaimConstraints::parse(body, oid == kEnhancedConstraintsOid);
    if (constraints.ok()) {
      facts.constraints.push_back(std::move(*constraints));
    } else if (facts.constraints_error.empty()) {
      facts.constraints_error = constraints.error().field;
    }
  }
}

void read_extensions(X509* x, X509Facts& facts) {
  const int count = X509_get_ext_count(x);
  if (count > kMaxExtensions) note_malformed(facts, "more extensions than are read");
  std::set<std::string> seen;
  for (int i = 0; i < std::min(count, kMaxExtensions); ++i) {
    X509_EXTENSION* one = X509_get_ext(x, i);
    const std::string oid = oid_text(X509_EXTENSION_get_object(one));
    if (!seen.insert(oid).second) {
      note_malformed(facts, oid + " stands twice");
      continue;
    }
    const bool ours = oid == kTnAuthListOid || oid == kClaimConstraintsOid || oid == kEnhancedConstraintsOid;
    if (ours) {
      read_stir_extension(oid, bytes_of(X509_EXTENSION_get_data(one)), facts);
    } else if (X509_EXTENSION_get_critical(one) == 1 && X509_supported_extension(one) == 0) {
      facts.unknown_critical.push_back(oid);
    }
  }
  read_usage(x, facts);
  read_policies(x, facts);
  read_distribution_points(x, facts);
  read_access(x, facts);
  // Whatever else OpenSSL finds wrong with the extensions that it knows.
  if ((X509_get_extension_flags(x) & EXFLAG_INVALID) != 0) note_malformed(facts, "an extension");
}

}  // namespace

struct Certificate::Native {
  Owned<X509, X509_free> x;
};

Certificate::Certificate() : native_(std::make_unique<Native>()) {}
Certificate::~Certificate() = default;

std::shared_ptr<const Certificate> Certificate::parse(ByteView der) {
  const std::shared_ptr<Certificate> made{new Certificate};
  const unsigned char* at = der.data();
  made->native_->x.reset(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  X509* x = made->native_->x.get();
  const bool whole = x != nullptr && at == der.data() + der.size();
  if (!whole) {
    ERR_clear_error();
    return nullptr;
  }
  X509Facts& facts = made->facts_;
  made->der_.assign(der.begin(), der.end());
  facts.sha256 = encode_hex(sha256(der));

  unsigned char* spki = nullptr;
  const int spki_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
  if (spki_size > 0) made->spki_.assign(spki, spki + spki_size);
  OPENSSL_free(spki);
  facts.key_sha256 = encode_hex(sha256(made->spki_));
  made->key_ = Es256Key::from_spki(made->spki_);

  X509_check_purpose(x, -1, 0);  // fills what OpenSSL keeps of the extensions
  facts.version = static_cast<int>(X509_get_version(x)) + 1;
  const X509_NAME* subject = X509_get_subject_name(x);
  const X509_NAME* issuer = X509_get_issuer_name(x);
  facts.subject = text_of(subject);
  facts.issuer = text_of(issuer);
  facts.subject_cn = attribute(subject, NID_commonName);
  facts.subject_organization = attribute(subject, NID_organizationName);
  facts.subject_country = attribute(subject, NID_countryName);
  facts.subject_serial_number = attribute(subject, NID_serialNumber);
  facts.issuer_cn = attribute(issuer, NID_commonName);
  made->subject_key_ = folded(subject);
  made->issuer_key_ = folded(issuer);
  facts.self_issued = made->subject_key_ == made->issuer_key_;

  const ASN1_INTEGER* serial = X509_get0_serialNumber(x);
  const ByteView magnitude = bytes_of(serial);
  made->serial_.assign(magnitude.begin(), magnitude.end());
  facts.serial = (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : "") + encode_hex(magnitude);

  const auto from = seconds_of(X509_get0_notBefore(x));
  const auto until = seconds_of(X509_get0_notAfter(x));
  facts.not_before = from.value_or(0);
  facts.not_after = until.value_or(0);
  if (!from.has_value() || !until.has_value()) note_malformed(facts, "validity");

  read_key(x, facts, made->key_.usable());
  read_signature(x, facts);
  read_extensions(x, facts);
  ERR_clear_error();
  return made;
}

Certificate::Issued Certificate::issued_by(const Certificate& issuer, bool check_signature) const {
  if (issuer_key_ != issuer.subject_key_) return Issued::kOtherName;
  Issued result = Issued::kYes;
  const Owned<AUTHORITY_KEYID, AUTHORITY_KEYID_free> id{static_cast<AUTHORITY_KEYID*>(
      X509_get_ext_d2i(native_->x.get(), NID_authority_key_identifier, nullptr, nullptr))};
  if (id != nullptr && X509_check_akid(issuer.native_->x.get(), id.get()) != X509_V_OK) {
    result = Issued::kOtherKeyId;
  } else if (check_signature) {
    EVP_PKEY* key = X509_get0_pubkey(issuer.native_->x.get());
    if (key == nullptr || X509_verify(native_->x.get(), key) != 1) result = Issued::kBadSignature;
  }
  ERR_clear_error();
  return result;
}

std::string Certificate::breaks_name_constraints_of(const Certificate& authority) const {
  int mark = 0;
  const Owned<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free> constraints{static_cast<NAME_CONSTRAINTS*>(
      X509_get_ext_d2i(authority.native_->x.get(), NID_name_constraints, &mark, nullptr))};
  std::string broken;
  if (constraints == nullptr) {
    if (mark != -1) broken = "name constraints that can't be read";
  } else if (const int verdict = NAME_CONSTRAINTS_check(native_->x.get(), constraints.get()); verdict != X509_V_OK) {
    broken = X509_verify_cert_error_string(verdict);
  }
  ERR_clear_error();
  return broken;
}

std::string Certificate::path_objection(const std::vector<const Certificate*>& path) {
  if (path.size() < 2) return "no path";
  const Owned<X509_STORE_CTX, X509_STORE_CTX_free> context{X509_STORE_CTX_new()};
  const Owned<X509_STORE, X509_STORE_free> store{X509_STORE_new()};
  STACK_OF(X509)* trusted = sk_X509_new_null();
  STACK_OF(X509)* between = sk_X509_new_null();
  std::string objection = "out of memory";
  if (context != nullptr && store != nullptr && trusted != nullptr && between != nullptr &&
      sk_X509_push(trusted, path.back()->native_->x.get()) > 0 &&
      X509_STORE_CTX_init(context.get(), store.get(), path.front()->native_->x.get(), between) == 1) {
    for (std::size_t i = 1; i + 1 < path.size(); ++i) sk_X509_push(between, path[i]->native_->x.get());
    X509_STORE_CTX_set0_trusted_stack(context.get(), trusted);
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    // Times are judged elsewhere, as often as wanted. Policies must hold where an authority demands them.
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN |
                                                X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_set_depth(parameters, 32);
    X509_VERIFY_PARAM_set_auth_level(parameters, 0);
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    // Told by the facts already: OpenSSL does not know the STIR extensions, and curves are judged apart from paths.
    X509_STORE_CTX_set_verify_cb(context.get(), [](int ok, X509_STORE_CTX* at) {
      const int error = X509_STORE_CTX_get_error(at);
      const bool told = error == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION || error == X509_V_ERR_EC_KEY_EXPLICIT_PARAMS;
      return ok == 1 || told ? 1 : 0;
    });
    const bool fine = X509_verify_cert(context.get()) == 1;
    objection = fine ? std::string{} : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  }
  sk_X509_free(trusted);
  sk_X509_free(between);
  ERR_clear_error();
  return objection;
}

std::string X509Facts::spc() const {
  std::string codes;
  if (!tn_list.has_value()) return codes;
  for (const std::string& one : tn_list->spcs()) {
    if (codes.size() > 200) break;
    codes += (codes.empty() ? "" : ",") + one;
  }
  return codes;
}

std::string utc_text(std::int64_t seconds) {
  std::tm tm{};
  const auto time = static_cast<std::time_t>(seconds);
  std::array<char, 40> text{};
  if (OPENSSL_gmtime(&time, &tm) == nullptr) return {};
  const std::size_t n = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &tm);
  return {text.data(), n};
}

namespace {

NamePtr read_name(ByteView der) {
  const unsigned char* at = der.data();
  NamePtr name{d2i_X509_NAME(nullptr, &at, static_cast<long>(der.size()))};
  ERR_clear_error();
  return name;
}

}  // namespace

std::string fold_name(ByteView der) { return folded(read_name(der).get()); }
std::string name_text(ByteView der) { return text_of(read_name(der).get()); }

}  // namespace voip::crypto
