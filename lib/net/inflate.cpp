#include "net/inflate.h"

#include <zlib.h>

#include <algorithm>

namespace voip::net {

namespace {

constexpr std::size_t kMostBytes = 1U << 20;
constexpr std::size_t kMostRatio = 200;

bool inflate_with(int window_bits, ByteView in, std::vector<std::uint8_t>& out, bool& complete) {
  z_stream stream{};
  if (inflateInit2(&stream, window_bits) != Z_OK) return false;
  const std::size_t most = std::min(kMostBytes, in.size() * kMostRatio);
  out.resize(std::min(most, std::max<std::size_t>(in.size() * 8, 4096)));
  stream.next_in = const_cast<Bytef*>(in.data());  // zlib's interface; it does not write there
  stream.avail_in = static_cast<uInt>(std::min<std::size_t>(in.size(), 1U << 24));
  std::size_t done = 0;
  int state = Z_OK;
  while (state == Z_OK) {
    if (done == out.size()) {
      if (done >= most) break;
      out.resize(std::min(most, done * 2));
    }
    stream.next_out = out.data() + done;
    stream.avail_out = static_cast<uInt>(out.size() - done);
    state = inflate(&stream, Z_NO_FLUSH);
    done = out.size() - stream.avail_out;
  }
  inflateEnd(&stream);
  out.resize(done);
  complete = state == Z_STREAM_END;
  // Z_BUF_ERROR: the input ended, what came out so far is right.
  return complete || (state == Z_BUF_ERROR && done != 0);
}

}  // namespace

bool inflate_any(ByteView in, std::vector<std::uint8_t>& out, bool& complete) {
  out.clear();
  complete = false;
  if (in.empty()) return false;
  return inflate_with(15 + 32, in, out, complete) || inflate_with(-15, in, out, complete);
}

}  // namespace voip::net
