#pragma once

#include <string>
#include <string_view>

namespace voip::passport {

// RFC 8224 section 8.3: a telephone number as PASSporTs write it, digits with the country code first and no plus.
// country_code: digits, for numbers without a plus. context: a phone-context parameter, empty when there is none.
// Service codes and other short numbers stay as dialled. Empty when the text is no telephone number.
std::string canonical_number(std::string_view text, std::string_view country_code, std::string_view context = {});

// Whether the text is what a "tn" claim may hold: digits, '*' and '#', no plus, no separators.
bool is_canonical_tn(std::string_view text);

// Digits, '*' and '#' only: the text without plus and visual separators; empty when something else is in it.
std::string bare_number(std::string_view text);

}  // namespace voip::passport
