#include "session/transaction.h"

#include <algorithm>

#include "base/text.h"

namespace voip::session {

bool Transaction::stale() const {
  return challenged() && std::ranges::any_of(challenges, [](const Challenge& one) { return one.stale; });
}

const Credentials* Transaction::login() const {
  for (const Credentials& one : credentials) {
    if (iequals(one.scheme, "Digest")) return &one;
  }
  return credentials.empty() ? nullptr : &credentials.front();
}

std::string_view Transaction::account() const {
  const Credentials* one = login();
  return one == nullptr ? std::string_view{} : one->username;
}

namespace {

// Behind the scheme, without parameters and headers. A user part may hold ';', so they begin behind the '@'.
std::string_view authority(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos) return {};
  uri.remove_prefix(colon + 1);
  const std::size_t sign = uri.find('@');
  const std::size_t from = sign == std::string_view::npos ? 0 : sign;
  return uri.substr(0, uri.find_first_of(";?>", from));
}

}  // namespace

std::string_view user_of(std::string_view uri) {
  std::string_view rest = authority(uri);
  if (const std::size_t sign = rest.rfind('@'); sign != std::string_view::npos) {
    rest = rest.substr(0, sign);
    return istarts_with(uri, "sip") ? rest.substr(0, rest.find(':')) : rest;  // without password
  }
  return istarts_with(uri, "tel:") ? rest : std::string_view{};
}

std::string_view host_of(std::string_view uri) {
  if (istarts_with(uri, "tel:")) return {};
  std::string_view rest = authority(uri);
  if (const std::size_t sign = rest.rfind('@'); sign != std::string_view::npos) rest.remove_prefix(sign + 1);
  if (rest.starts_with('[')) {
    const std::size_t close = rest.find(']');
    return close == std::string_view::npos ? rest.substr(1) : rest.substr(1, close - 1);
  }
  return rest.substr(0, rest.find(':'));
}

}  // namespace voip::session
