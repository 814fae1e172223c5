#include "crypto/asn1.h"

#include <openssl/objects.h>

#include <array>
#include <ctime>

#include "base/time.h"

namespace voip::crypto {

std::string oid_text(const ASN1_OBJECT* object) {
  std::array<char, 128> text{};
  const int n = OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 1);
  return n > 0 && n < static_cast<int>(text.size()) ? std::string{text.data()} : std::string{"?"};
}

ByteView bytes_of(const ASN1_STRING* string) {
  const int n = string == nullptr ? 0 : ASN1_STRING_length(string);
  return n <= 0 ? ByteView{} : ByteView{ASN1_STRING_get0_data(string), static_cast<std::size_t>(n)};
}

ByteView der_of(const X509_NAME* name) {
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  return name != nullptr && X509_NAME_get0_der(name, &bytes, &size) == 1 ? ByteView{bytes, size} : ByteView{};
}

std::optional<std::int64_t> seconds_of(const ASN1_TIME* time) {
  std::tm tm{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &tm) != 1) return std::nullopt;
  const std::int64_t days =
      days_from_civil(tm.tm_year + 1900, static_cast<unsigned>(tm.tm_mon + 1), static_cast<unsigned>(tm.tm_mday));
  return days * 86400 + std::int64_t{tm.tm_hour} * 3600 + std::int64_t{tm.tm_min} * 60 + tm.tm_sec;
}

}  // namespace voip::crypto
