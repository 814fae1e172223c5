#include "capture/read_ahead.h"

#include <catch2/catch.hpp>

#include "support.h"
#include "support/gzip.h"

using namespace voip;
using namespace voip::capture;
using namespace voip::capture::test;

namespace {

using voip::test::gzip;

// Several chunks long, and hard to pack.
Bytes noisy_pcap(std::uint32_t count, std::uint32_t first_second) {
  Bytes out = pcap_header();
  std::uint32_t state = first_second;
  for (std::uint32_t i = 0; i < count; ++i) {
    Bytes frame(400);
    for (std::uint8_t& byte : frame) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::uint8_t>(state >> 24);
    }
    append(out, pcap_record(first_second + i, 0, frame));
  }
  return out;
}

// All that is told of the inputs, and which packets there were.
std::string told(const Run& run) {
  std::string text = run.error;
  for (const InputInfo& info : run.inputs) {
    text += info.path + ' ' + info.format + ' ' + info.compression + ' ' + std::to_string(info.bytes) + ' ' +
            std::to_string(info.packets) + (info.complete ? " whole" : " cut");
    for (const std::string& problem : info.problems) text += ' ' + problem;
    text += '\n';
  }
  std::uint64_t sum = 0;
  for (const Seen& seen : run.packets) {
    sum = sum * 31 + seen.frame.number * 7 + seen.frame.input + seen.offset +
          (seen.bytes.empty() ? 0 : seen.bytes.back());
  }
  return text + std::to_string(run.packets.size()) + ' ' + std::to_string(sum);
}

std::string told_with(unsigned threads, const std::vector<std::string>& paths, OpenOptions options = {}) {
  options.threads = threads;
  return told(read_paths(paths, options));
}

}  // namespace

TEST_CASE("compressed files are read the same with any number of threads, whole or not", "[capture][threads]") {
  const TempDir dir;
  const Bytes plain = noisy_pcap(8000, 1000);
  const Bytes packed = gzip(plain);
  REQUIRE(packed.size() > 8 * (256U << 10));

  Bytes cut = packed;
  cut.resize(cut.size() * 2 / 3);
  Bytes broken = packed;
  for (std::size_t i = broken.size() / 2; i < broken.size() / 2 + 8; ++i) broken[i] ^= 0xa5;
  Bytes members = packed;
  append(members, gzip(Bytes{}));
  append(members, {'x', 'y', 'z', 0});
  // A record that can't be: the reader gives up long before the end.
  Bytes damaged = plain;
  for (std::size_t i = 400'000; i < 402'000; ++i) damaged[i] = 0xff;

  write_file(dir / "whole.gz", packed);
  write_file(dir / "cut.gz", cut);
  write_file(dir / "broken.gz", broken);
  write_file(dir / "members.gz", members);
  write_file(dir / "damaged.gz", gzip(damaged));
  for (const char* name : {"whole.gz", "cut.gz", "broken.gz", "members.gz", "damaged.gz"}) {
    INFO(name);
    const std::string one = told_with(1, {dir / name});
    CHECK(told_with(2, {dir / name}) == one);
    CHECK(told_with(9, {dir / name}) == one);
    OpenOptions limited;
    limited.max_unpacked_bytes = 1U << 20;
    CHECK(told_with(2, {dir / name}, limited) == told_with(1, {dir / name}, limited));
  }
  CHECK(told_with(2, {dir / "whole.gz"}).find("8000") != std::string::npos);
  CHECK(told_with(2, {dir / "cut.gz"}).find("cut off") != std::string::npos);
}

TEST_CASE("many compressed files share the threads that there are", "[capture][threads]") {
  const TempDir dir;
  std::vector<std::string> paths;
  // Two rings that overlap in time, and one file that is not compressed.
  for (std::uint32_t i = 0; i < 6; ++i) {
    paths.push_back(dir / (std::to_string(i) + ".pcap.gz"));
    write_file(paths.back(), gzip(noisy_pcap(1500, 1000 + 700 * (i / 2))));
  }
  paths.push_back(dir / "plain.pcap");
  write_file(paths.back(), noisy_pcap(1500, 2000));
  const std::string one = told_with(1, paths);
  CHECK(one.find("10500 ") != std::string::npos);
  for (const unsigned threads : {2U, 3U, 6U, 16U}) CHECK(told_with(threads, paths) == one);
}

TEST_CASE("threads that read are told, and none is used where nothing is compressed", "[capture][threads]") {
  const TempDir dir;
  write_file(dir / "a.pcap", noisy_pcap(3, 1));
  write_file(dir / "a.gz", gzip(noisy_pcap(3, 1)));
  const auto threads_of = [](const std::vector<std::string>& paths, unsigned threads) {
    OpenOptions options;
    options.threads = threads;
    return (*open_inputs(paths, options))->reading_threads();
  };
  CHECK(threads_of({dir / "a.pcap"}, 8) == 0);
  CHECK(threads_of({dir / "a.gz"}, 8) == 1);
  CHECK(threads_of({dir / "a.gz"}, 2) == 1);
  CHECK(threads_of({dir / "a.gz"}, 1) == 0);
  CHECK(threads_of({dir / "a.gz", dir / "a.gz", dir / "a.gz", dir / "a.pcap"}, 8) == 3);
  CHECK(threads_of({dir / "a.gz", dir / "a.gz", dir / "a.gz", dir / "a.pcap"}, 2) == 1);
  CHECK(threads_of({dir / "a.pcap", dir / "a.pcap"}, 8) == 0);
}

TEST_CASE("a reader that stops early leaves no thread behind", "[capture][threads]") {
  const TempDir dir;
  write_file(dir / "a.gz", gzip(noisy_pcap(8000, 1)));
  for (int i = 0; i < 20; ++i) {
    OpenOptions options;
    options.threads = 4;
    auto source = open_inputs({dir / "a.gz"}, options);
    REQUIRE(source);
    Packet packet;
    for (int n = 0; n < i * 40; ++n) CHECK((*source)->next(packet));
  }
}
