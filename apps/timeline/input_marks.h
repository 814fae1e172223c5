#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/text.h"
#include "capture/byte_source.h"
#include "capture/decompress.h"

namespace voip {

// The program that wrote a pcapng file, by its first section's header; empty: it names none, or is no pcapng.
inline std::string application_of(const std::string& path) {
  if (path == "-") return {};
  auto file = capture::FileSource::open(path, nullptr);
  if (!file) return {};
  std::vector<std::uint8_t> head(4096);
  const auto fill = [](capture::ByteSource& source, std::vector<std::uint8_t>& bytes) {
    std::size_t have = 0;
    while (have < bytes.size()) {
      const std::size_t n = source.read(std::span{bytes}.subspan(have));
      if (n == 0) break;
      have += n;
    }
    bytes.resize(have);
  };
  fill(**file, head);
  if (const auto packed = capture::compression_of(head)) {
    auto again = capture::FileSource::open(path, nullptr);
    if (!again) return {};
    const auto plain = capture::make_unpacker(*packed, std::move(*again), {});
    head.assign(4096, 0);
    fill(*plain, head);
  }
  if (head.size() < 28 || load_be<std::uint32_t>(head.data()) != 0x0a0d0d0a) return {};
  const bool big = load_be<std::uint32_t>(head.data() + 8) == 0x1a2b3c4d;
  ByteCursor in{ByteView{head}.subspan(4)};
  const auto word = [&] { return big ? in.be<std::uint32_t>() : in.le<std::uint32_t>(); };
  const auto half = [&] { return big ? in.be<std::uint16_t>() : in.le<std::uint16_t>(); };
  const std::size_t length = word();
  if (length < 28) return {};
  in.skip(16);
  std::size_t left = std::min(length, head.size()) - 24;
  while (in.ok() && left >= 8) {
    const auto code = half();
    const std::size_t size = half();
    const std::size_t padded = (size + 3) / 4 * 4;
    if (code == 0 || padded + 4 > left) break;
    const ByteView value = in.take(size);
    in.skip(padded - size);
    left -= padded + 4;
    if (code == 4) return std::string(as_text(first_bytes(value, 120)));
  }
  return {};
}

// What such a program does with captures; empty: it takes them.
inline std::string_view editing_of(std::string_view application) {
  const std::string name = to_lower(application.substr(0, application.find_first_of(" /(")));
  for (const std::string_view editor : {"editcap", "tcprewrite", "tcpslice", "tracewrangler", "pktanon", "bittwiste"}) {
    if (name == editor) return "cuts, changes or re-times packets";
  }
  for (const std::string_view maker : {"text2pcap", "randpkt", "bless"}) {
    if (name == maker) return "makes packets out of text";
  }
  for (const std::string_view chooser : {"srtp-check", "stir-verify", "fraud-scan", "timeline"}) {
    if (name == chooser) return "writes chosen packets only";
  }
  return {};
}

}  // namespace voip
