#include "cli/hash.h"

#include "crypto/digest.h"

namespace voip::cli {

std::vector<std::string> hash_inputs(std::vector<report::Input>& inputs) {
  std::vector<std::string> notes;
  for (report::Input& input : inputs) {
    if (input.sha256) continue;
    if (input.path == "-") {
      notes.emplace_back("standard input has no SHA-256: it can't be read a second time");
      continue;
    }
    if (auto hash = crypto::sha256_file(input.path); hash) {
      input.sha256 = *hash;
    } else {
      notes.push_back("no SHA-256: " + hash.error().message);
    }
  }
  return notes;
}

}  // namespace voip::cli
