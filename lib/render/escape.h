#pragma once

#include <string>
#include <string_view>

#include "report/report.h"

namespace voip::render {

// All of these take untrusted text and give valid UTF-8.

// As for a terminal: unsafe characters and invalid bytes as \x1b, \u{202e}.
std::string printable(std::string_view text);
// XML 1.0 and HTML, for text and for attributes in double quotes; what XML forbids becomes U+FFFD.
std::string xml_escaped(std::string_view text);
// RFC 3986: a path as a relative reference, or as a file: URI when it begins with a slash. "-" is "stdin".
std::string uri_of_path(std::string_view path);

// A finding's subject by its name ("source"); empty when it has none.
std::string_view subject_of(const report::Finding& finding, std::string_view name);
// "a.pcap #17, #18" of the first few pieces of evidence.
std::string frames_of(const report::Finding& finding, const report::Report& report, std::size_t most);
// A finding's path; empty when it has no evidence in an input.
std::string_view path_of(const report::Finding& finding, const report::Report& report);

}  // namespace voip::render
