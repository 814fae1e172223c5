#include "base/text_pool.h"

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

#include "base/small_frame.h"

namespace voip {
namespace {

TEST_CASE("a text that comes again is kept once, one that is unlike is not", "[text-pool]") {
  TextPool pool;
  const Text first = pool.once("sip:alice@example.com");
  CHECK(pool.once("sip:alice@example.com").view().data() == first.view().data());
  CHECK(pool.once("sip:alice@example.co").view() == "sip:alice@example.co");
  CHECK(pool.keep("sip:alice@example.com").view().data() != first.view().data());
  CHECK(pool.keep("sip:alice@example.com") == first);
}

TEST_CASE("texts longer than a chunk, and those of a pool that was moved, stay as they were", "[text-pool]") {
  TextPool pool;
  std::vector<std::pair<Text, std::string>> kept;
  for (std::size_t i = 0; i < 2000; ++i) {
    const std::string text = i == 700 ? std::string(100'000, 'x') : std::to_string(i * 7919);
    kept.emplace_back(pool.keep(text), text);
  }
  const TextPool moved = std::move(pool);
  for (const auto& [text, wanted] : kept) REQUIRE(text == wanted);
}

TEST_CASE("the empty text is equal to itself, whatever pool it came from, and sorts first", "[text-pool]") {
  TextPool pool;
  const Text empty = pool.once("");
  CHECK(empty.empty());
  CHECK(empty == Text{});
  CHECK(empty < pool.once("a"));
  CHECK(pool.once("a") < pool.once("b"));
  CHECK(std::string(empty).empty());
}

TEST_CASE("a small frame says what the frame said", "[small-frame]") {
  const FrameRef frame{.input = 3, .number = 1'000'000'007, .time = {1'795'392'000'000'000'001}};
  const SmallFrame small{frame};
  CHECK(FrameRef(small) == frame);
  CHECK(FrameRef(small).time == frame.time);
  CHECK(small.known());
  // The mark of frames that an earlier run saw.
  const FrameRef earlier{.input = UINT32_MAX, .number = 5, .time = {7}};
  CHECK(FrameRef(SmallFrame(earlier)) == earlier);
  CHECK_FALSE(SmallFrame(FrameRef{}).known());
  SmallFrame reset = small;
  reset = {};
  CHECK_FALSE(reset.known());
}

TEST_CASE("small frames sort as frames do", "[small-frame]") {
  const std::vector<FrameRef> sorted{{.input = 1, .number = 9, .time = {1}},
                                     {.input = 0, .number = 9, .time = {2}},
                                     {.input = 0, .number = 10, .time = {2}},
                                     {.input = 1, .number = 1, .time = {2}}};
  for (std::size_t a = 0; a < sorted.size(); ++a) {
    for (std::size_t b = 0; b < sorted.size(); ++b) {
      CAPTURE(a, b);
      CHECK((SmallFrame(sorted[a]) < SmallFrame(sorted[b])) == (a < b));
      CHECK((SmallFrame(sorted[a]) < sorted[b]) == (a < b));
    }
  }
}

}  // namespace
}  // namespace voip
