#include "base/table.h"

#include <catch2/catch.hpp>

#include <map>

using namespace voip;

TEST_CASE("FlatMap keeps what a std::map keeps through inserts and erases", "[base]") {
  FlatMap<std::uint64_t, int> table;
  std::map<std::uint64_t, int> model;
  std::uint64_t state = 1;
  for (int i = 0; i < 20000; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::uint64_t key = (state >> 33) % 700;
    if ((state >> 20) % 3 == 0) {
      CHECK(table.erase(key) == (model.erase(key) == 1));
    } else {
      table.at_or_new(key) = i;
      model[key] = i;
    }
  }
  REQUIRE(table.size() == model.size());
  for (const auto& [key, value] : model) {
    REQUIRE(table.find(key) != nullptr);
    CHECK(*table.find(key) == value);
  }
}

TEST_CASE("CappedTable drops the longest idle entry at its cap and counts it", "[base]") {
  CappedTable<std::uint64_t, int> table(3);
  std::vector<std::uint64_t> gone;
  const auto on_evict = [&](const std::uint64_t& key, int&) { gone.push_back(key); };
  for (std::uint64_t key = 1; key <= 3; ++key) table.get(key, {static_cast<std::int64_t>(key)}, on_evict) = 7;
  table.touch(1, {10});
  table.get(4, {11}, on_evict);
  CHECK(gone == std::vector<std::uint64_t>{2});
  CHECK(table.evicted() == 1);
  CHECK(table.find(1) != nullptr);
  table.expire({12}, std::chrono::nanoseconds{5}, on_evict);
  CHECK(gone == std::vector<std::uint64_t>{2, 3});
  CHECK(table.size() == 2);
}
