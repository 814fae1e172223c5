#pragma once

#include <catch2/catch.hpp>
#include <zlib.h>

#include <cstdint>
#include <vector>

namespace voip::test {

inline std::vector<std::uint8_t> gzip(const std::vector<std::uint8_t>& plain) {
  std::vector<std::uint8_t> in = plain;  // zlib wants to be able to write to it
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::vector<std::uint8_t> packed(deflateBound(&stream, static_cast<uLong>(plain.size())));
  stream.next_in = in.data();
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace voip::test
