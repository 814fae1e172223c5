#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace voip::cli {

// A text that the user names: a key log, a list of files, a policy. "-" is standard input. At most 256 MiB.
Result<std::string> read_text(const std::string& path);

// A name a line; a list with NUL bytes in it (find -print0) is split at those.
void append_names(std::string_view text, std::vector<std::string>& names);

// " (did you mean calls.pcap?)" for a file that is not there; empty when nothing is like it, or it is there.
std::string similar_file(const std::string& path);

}  // namespace voip::cli
