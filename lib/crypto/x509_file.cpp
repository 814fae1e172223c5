#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include <algorithm>
#include <string>

#include "base/codec.h"
#include "base/text.h"
#include "crypto/x509.h"
#include "crypto/x509_der.h"

namespace voip::crypto {

namespace {

constexpr std::size_t kMaxCrls = 64;

class Reader {
 public:
  explicit Reader(std::size_t max) : max_(max) {}

  CertificateFile take() { return std::move(file_); }

  void pem(std::string_view text);
  // Elements one after another: certificates, CRLs, PKCS #7.
  void der(ByteView bytes);

 private:
  bool certificate(ByteView der);
  void crl(ByteView der);
  bool pkcs7(ByteView der);
  void damaged() { ++file_.unreadable; }

  CertificateFile file_;
  std::size_t max_;
};

std::string without_blanks(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    if (!is_space(c)) result += c;
  }
  return result;
}

// The first element with its header; empty when it is cut or no DER.
ByteView first_element(ByteView bytes) {
  DerCursor in{bytes};
  std::uint8_t tag = 0;
  (void)in.any(tag);
  return in.ok() ? bytes.first(in.offset()) : ByteView{};
}

bool Reader::certificate(ByteView der) {
  if (file_.certificates.size() == max_) {
    file_.capped = true;
    return true;
  }
  CertificatePtr made = Certificate::parse(der);
  if (made == nullptr) return false;
  const bool known = std::ranges::any_of(
      file_.certificates, [&](const CertificatePtr& one) { return one->facts().sha256 == made->facts().sha256; });
  if (!known) file_.certificates.push_back(std::move(made));
  return true;
}

void Reader::crl(ByteView der) {
  if (file_.crls.size() == kMaxCrls) {
    file_.capped = true;
    return;
  }
  file_.crls.emplace_back(der.begin(), der.end());
}

bool Reader::pkcs7(ByteView der) {
  const unsigned char* at = der.data();
  PKCS7* parsed = d2i_PKCS7(nullptr, &at, static_cast<long>(der.size()));
  ERR_clear_error();
  const bool is_signed = parsed != nullptr && PKCS7_type_is_signed(parsed) && parsed->d.sign != nullptr;
  if (is_signed) {
    const auto again = [](auto encode, auto* value, auto use) {
      unsigned char* bytes = nullptr;
      const int n = encode(value, &bytes);
      if (n > 0) use(ByteView{bytes, static_cast<std::size_t>(n)});
      OPENSSL_free(bytes);
    };
    for (int i = 0; i < sk_X509_num(parsed->d.sign->cert); ++i) {
      again(i2d_X509, sk_X509_value(parsed->d.sign->cert, i), [this](ByteView one) { (void)certificate(one); });
    }
    for (int i = 0; i < sk_X509_CRL_num(parsed->d.sign->crl); ++i) {
      again(i2d_X509_CRL, sk_X509_CRL_value(parsed->d.sign->crl, i), [this](ByteView one) { crl(one); });
    }
  }
  PKCS7_free(parsed);
  return is_signed;
}

void Reader::der(ByteView bytes) {
  while (!bytes.empty() && !file_.capped) {
    const ByteView element = first_element(bytes);
    // BER of indefinite length is met in PKCS #7 only.
    if (element.empty()) {
      if (!pkcs7(bytes)) damaged();
      return;
    }
    // The first field tells them apart: an OID in PKCS #7; a TBS of a list begins with its version or an algorithm,
    // that of a certificate with [0] or (version 1) a serial number.
    DerCursor outer{element};
    DerCursor inside{outer.expect(kDerSequence)};
    bool read = true;
    if (inside.next_is(0x06)) {
      read = pkcs7(element);
    } else {
      const unsigned char* at = element.data();
      X509_CRL* list = d2i_X509_CRL(nullptr, &at, static_cast<long>(element.size()));
      ERR_clear_error();
      if (list != nullptr) {
        crl(element);
      } else {
        read = certificate(element);
      }
      X509_CRL_free(list);
    }
    if (!read) return damaged();
    bytes = bytes.subspan(element.size());
    // Line ends behind a DER file.
    while (!bytes.empty() && is_space(static_cast<char>(bytes.front()))) bytes = bytes.subspan(1);
  }
}

void Reader::pem(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kEnd = "-----END ";
  constexpr std::string_view kDashes = "-----";
  while (!file_.capped) {
    const std::size_t begin = text.find(kBegin);
    if (begin == std::string_view::npos) return;
    text.remove_prefix(begin + kBegin.size());
    const std::size_t end = text.find(kEnd);
    const std::size_t label_end = text.find(kDashes);
    if (end == std::string_view::npos || label_end >= end) return damaged();
    const std::string_view label = text.substr(0, label_end);
    const std::string_view body = text.substr(label_end + kDashes.size(), end - label_end - kDashes.size());
    const bool closed = text.substr(end + kEnd.size()).starts_with(label);
    const bool trusted = label == "TRUSTED CERTIFICATE";
    const bool wanted = trusted || label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "PKCS7" ||
                        label == "CMS" || label == "X509 CRL" || label == "CERTIFICATE CHAIN";
    text.remove_prefix(end + kEnd.size());
    if (!wanted) continue;
    const auto bytes = decode_base64(without_blanks(body));
    if (!closed || !bytes.has_value() || bytes->empty()) {
      damaged();
    } else if (trusted) {
      // OpenSSL's own form carries its opinion behind the certificate; it is not asked.
      if (!certificate(first_element(*bytes))) damaged();
    } else {
      der(*bytes);
    }
  }
}

}  // namespace

CertificateFile read_certificates(ByteView file, std::size_t max) {
  const std::string_view text = as_text(file);
  const bool marked = text.find("-----BEGIN ") != std::string_view::npos;
  if (!file.empty() && file[0] == kDerSequence) {
    Reader reader{max};
    reader.der(file);
    CertificateFile read = reader.take();
    // Text that begins with a "0" looks like DER at first.
    if (!marked || !read.certificates.empty() || !read.crls.empty()) return read;
  }
  Reader reader{max};
  if (marked) {
    reader.pem(text);
  } else if (const auto bare = decode_base64(without_blanks(text)); bare.has_value() && !bare->empty()) {
    reader.der(*bare);
  } else {
    // An error page, most likely.
    CertificateFile nothing;
    nothing.unreadable = file.empty() ? 0 : 1;
    return nothing;
  }
  return reader.take();
}

}  // namespace voip::crypto
