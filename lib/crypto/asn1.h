#pragma once

#include <openssl/asn1.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"

// What this room asks of OpenSSL's ASN.1 values. Not for other rooms: they have no arrow to OpenSSL.
namespace voip::crypto {

template <class T, void (*Free)(T*)>
struct Freed {
  void operator()(T* value) const { Free(value); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freed<T, Free>>;

// "1.3.6.1..."; "?" for what is too long.
std::string oid_text(const ASN1_OBJECT* object);
// Empty for null.
ByteView bytes_of(const ASN1_STRING* string);
ByteView der_of(const X509_NAME* name);
// Since 1970; empty when it can't be read.
std::optional<std::int64_t> seconds_of(const ASN1_TIME* time);

}  // namespace voip::crypto
