#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace voip::test {

inline std::string testdata(const std::string& name) { return std::string(TESTDATA_DIR) + "/" + name; }

inline std::string file_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<std::uint8_t> file_bytes(const std::string& path) {
  const std::string text = file_text(path);
  return {text.begin(), text.end()};
}

}  // namespace voip::test
