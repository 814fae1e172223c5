#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/fraud/site.h"

namespace voip::analyze::fraud {

enum class NumberClass : std::uint8_t {
  kNone,       // no user part
  kName,       // letters
  kExtension,  // short digits of the site's own
  kService,    // star and hash codes, short codes
  kEmergency,
  kNational,       // own country
  kInternational,  // another country, or a code without one
  kUnknown,        // digits that can't be placed
};

struct Number {
  std::string dialled{};  // as dialled, visual separators left out
  std::string e164{};     // "+4930123456"; empty where it can't be derived
  NumberClass kind = NumberClass::kNone;
  const Destination* destination = nullptr;

  bool external() const { return kind == NumberClass::kNational || kind == NumberClass::kInternational; }
  // What reports show: E.164, else as dialled.
  const std::string& shown() const { return e164.empty() ? dialled : e164; }
};

// Reads numbers as the site's dial plan means them.
class NumberPlan {
 public:
  NumberPlan(const Site& site, const Destinations& destinations);
  // user: the user part of a SIP or tel URI, as sent.
  Number read(std::string_view user) const;
  const std::string& calling_code() const { return calling_code_; }  // of the site's country; empty: unknown

 private:
  bool international(std::string_view digits, Number& number) const;
  bool national(std::string_view digits, Number& number) const;
  bool place(std::string_view e164_digits, Number& number) const;

  const Destinations& destinations_;
  std::string calling_code_;
  std::vector<std::string> international_prefixes_;
  std::string national_prefix_;
  std::vector<std::string> access_codes_;
  bool keeps_zero_ = false;  // the national 0 is part of the number (Italy)
};

// Digits, +, * and # of a user part; percent escapes undone; parameters and separators left out. Letters are kept: then
// it is a name.
std::string clean_number(std::string_view user);
// The last n digits of a text; fewer when there are fewer.
std::string last_digits(std::string_view text, std::size_t n);

}  // namespace voip::analyze::fraud
