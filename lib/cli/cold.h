#pragma once

#include <filesystem>
#include <system_error>

#include "base/cold_memory.h"

namespace voip::cli {

// Where the records of ended calls go when they are many: a nameless file in $TMPDIR, else in /tmp.
inline ColdMemory::Settings cold_memory() {
  std::error_code none;
  return {.directory = std::filesystem::temp_directory_path(none).string()};
}

}  // namespace voip::cli
