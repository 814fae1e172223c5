#pragma once

#include <string_view>

namespace voip::cli {

// The project's, as in CMakeLists.txt (a test compares).
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace voip::cli
