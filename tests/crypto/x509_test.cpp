#include "crypto/x509.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "base/codec.h"
#include "support/files.h"

using namespace voip;
using crypto::read_certificates;

namespace {

std::string load(const std::string& name) { return test::file_text(test::testdata("stir/" + name)); }
crypto::CertificateFile read(const std::string& text, std::size_t max = 64) {
  return read_certificates(as_bytes(text), max);
}
std::string first(const crypto::CertificateFile& file) {
  return file.certificates.empty() ? "" : file.certificates.front()->facts().subject_cn;
}

}  // namespace

TEST_CASE("certificates are read in file order from every form that they are published in", "[x509]") {
  for (const char* name : {"chains/good.pem", "chains/good.der", "chains/good.p7b.der"}) {
    const auto file = read(load(name));
    CHECK(file.certificates.size() == 2);
    CHECK(file.unreadable == 0);
  }
  CHECK(first(read(load("chains/good.pem"))) == "SHAKEN 1234");
  CHECK(first(read(load("chains/good.der"))) == "SHAKEN 1234");
  CHECK(first(read(load("chains/good_reversed.pem"))) == "Example STI Root CA");
  const auto noisy = read(load("chains/good_noisy.pem"));
  CHECK(noisy.certificates.size() == 2);  // the third is the first again
  CHECK(noisy.unreadable == 1);
}

TEST_CASE("PEM is read whatever stands around it and however its lines are cut", "[x509]") {
  const std::string pem = load("chains/good_alone.pem");
  const std::string begin = "-----BEGIN CERTIFICATE-----";
  const std::string end = "-----END CERTIFICATE-----";
  const std::size_t at = pem.find(begin) + begin.size();
  const std::string body = pem.substr(at, pem.find(end) - at);
  std::string one_line;
  for (const char c : body) {
    if (c != '\n') one_line += c;
  }
  CHECK(first(read("\xef\xbb\xbf" + pem)) == "SHAKEN 1234");
  CHECK(first(read("0 s:CN = x\n" + pem + "tail")) == "SHAKEN 1234");
  CHECK(first(read(begin + one_line + end)) == "SHAKEN 1234");
  CHECK(first(read(begin + "\n" + one_line + "\n" + end)) == "SHAKEN 1234");
  CHECK(first(read(one_line)) == "SHAKEN 1234");
  CHECK(first(read(load("keys/signer.key.pem") + pem)) == "SHAKEN 1234");
  CHECK(read(load("keys/signer.key.pem") + pem).unreadable == 0);
  CHECK(read(begin + body).certificates.empty());
  CHECK(read(begin + body).unreadable == 1);
  CHECK(read(begin + body + "-----END X509 CRL-----").certificates.empty());
  CHECK(read(begin + "!" + body + end).unreadable == 1);
  CHECK(read(begin + "!" + body + end + pem).certificates.size() == 1);
  CHECK(read("").unreadable == 0);
  CHECK(read("<html></html>").unreadable == 1);
}

TEST_CASE("a file's certificates are capped", "[x509]") {
  CHECK(read(load("chains/good_reversed.pem"), 2).certificates.size() == 2);
  CHECK(read(load("chains/good_reversed.pem"), 2).capped);
  CHECK_FALSE(read(load("chains/good_reversed.pem"), 3).capped);
}

TEST_CASE("no prefix of a certificate is one, nor is one with bytes behind it", "[x509]") {
  const auto file = read(load("chains/good_alone.pem"));
  REQUIRE(file.certificates.size() == 1);
  const ByteView der = file.certificates.front()->der();
  for (std::size_t n = 0; n < der.size(); ++n) CHECK(crypto::Certificate::parse(der.first(n)) == nullptr);
  std::vector<std::uint8_t> longer(der.begin(), der.end());
  longer.push_back(0);
  CHECK(crypto::Certificate::parse(longer) == nullptr);
  CHECK(read_certificates(longer).certificates.size() == 1);
  CHECK(read_certificates(longer).unreadable == 1);
}

TEST_CASE("names are compared without regard to case and blanks, but not across their parts", "[x509]") {
  const auto name = [](const char* hex) { return crypto::fold_name(*decode_hex(hex)); };
  // CN as UTF8String "Ab  c", and as PrintableString " aB c "
  CHECK(name("3010310e300c06035504030c054162202063") == name("3011310f300d060355040313062061422063"
                                                             "20"));
  CHECK(name("300e310c300a06035504030c03416263") != name("300e310c300a060355040a0c03416263"));  // CN, O
  CHECK(crypto::name_text(*decode_hex("300e310c300a06035504030c03416263")) == "CN=Abc");
  CHECK(name("00") == "");
}

TEST_CASE("times of certificates are written for any year", "[x509]") {
  CHECK(crypto::utc_text(0) == "1970-01-01T00:00:00Z");
  CHECK(crypto::utc_text(253402300799) == "9999-12-31T23:59:59Z");
  CHECK(crypto::utc_text(1719792000) == "2024-07-01T00:00:00Z");
}
