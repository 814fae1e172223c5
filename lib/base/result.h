#pragma once

#include <cassert>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>

namespace voip {

// Why bytes could not be read. kTruncated: the capture was cut, the sender may be right.
// All others: the sender is wrong, or these bytes are another protocol.
enum class Malformed : unsigned char {
  kTruncated,
  kBadVersion,
  kBadLength,
  kBadValue,
  kBadSyntax,
  kMissing,
  kTooMany,
  kUnsupported,
};

const char* to_string(Malformed kind);

struct ParseError {
  Malformed kind = Malformed::kBadSyntax;
  std::size_t offset = 0;  // bytes from the start of what was parsed
  const char* field = "";  // static, like "rtp.version"
};

// A value, or what was wrong with the bytes. Bad input is normal: count it and go on.
template <class T>
class [[nodiscard]] Parsed {
 public:
  Parsed(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Parsed(ParseError error) : state_(std::in_place_index<1>, error) {}    // NOLINT
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  const T& value() const { return std::get<0>(state_); }
  T& value() { return std::get<0>(state_); }
  const T& operator*() const { return value(); }
  T& operator*() { return value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }
  const ParseError& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, ParseError> state_;
};

// Why a job can't be done, for a person; names the file, option or host that it is about.
struct Error {
  std::string message;
};

// A value, or why the job can't be done.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  const T& value() const { return std::get<0>(state_); }
  T& value() { return std::get<0>(state_); }
  const T& operator*() const { return value(); }
  T& operator*() { return value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

struct Done {};
using Status = Result<Done>;

}  // namespace voip
