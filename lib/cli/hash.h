#pragma once

#include <string>
#include <vector>

#include "report/coverage.h"

namespace voip::cli {

// Fills sha256 of each input that is a file and has none yet. What can't be hashed (standard input) gives a note.
std::vector<std::string> hash_inputs(std::vector<report::Input>& inputs);

}  // namespace voip::cli
