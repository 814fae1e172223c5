#pragma once

#include <string>
#include <string_view>

#include "report/finding.h"

namespace voip::report {

// 128-bit FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) as 32 lower-case hex digits. Not seeded: the same text
// gives the same digits in every run and on every machine. Not meant against forgery.
std::string fnv128_hex(std::string_view text);

// Names one finding over runs and captures: the rule's id and the entity, never frame, time or file. A finding without
// an entity is named by its call and subject.
std::string fingerprint(const Finding& finding);

}  // namespace voip::report
