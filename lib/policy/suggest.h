#pragma once

#include <span>
#include <string>
#include <string_view>

namespace voip::policy {

// The word that was probably meant, empty when none is near. Case does not matter.
std::string nearest(std::string_view typed, std::span<const std::string> words);

}  // namespace voip::policy
