#include "base/cold_memory.h"

#include <catch2/catch.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory_resource>
#include <string>
#include <vector>

namespace voip {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "cold-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() {
    std::error_code none;
    std::filesystem::remove_all(path, none);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  bool empty() const { return std::filesystem::is_empty(path); }
  std::string path;
};

struct Row {
  std::uint64_t number = 0;
  std::pmr::vector<std::uint32_t> parts{};
};

// Rows whose every word tells its place.
void fill(std::pmr::deque<Row>& rows, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    Row& row = rows.emplace_back();
    row.number = i;
    for (std::uint32_t part = 0; part < 40; ++part) row.parts.push_back(static_cast<std::uint32_t>(i) * 40 + part);
  }
}

std::size_t wrong(const std::pmr::deque<Row>& rows) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    bool right = rows[i].number == i && rows[i].parts.size() == 40;
    for (std::uint32_t part = 0; right && part < 40; ++part)
      right = rows[i].parts[part] == static_cast<std::uint32_t>(i) * 40 + part;
    if (!right) ++count;
  }
  return count;
}

// Megabytes of files that this process has in use.
std::size_t resident_of_files() {
  std::ifstream in("/proc/self/statm");
  std::size_t size = 0;
  std::size_t all = 0;
  std::size_t files = 0;
  in >> size >> all >> files;
  return files * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / kMiB;
}

}  // namespace

TEST_CASE("What fits in core makes no file", "[cold]") {
  const Folder folder;
  const ColdMemory cold({.directory = folder.path, .in_core = 4 * kMiB, .resident = kMiB});
  std::pmr::deque<Row> rows;
  fill(rows, 1000);
  CHECK(cold.in_file() == 0);
  CHECK(wrong(rows) == 0);
}

TEST_CASE("Beyond that rows lie in a file without a name and are the same when they come back", "[cold]") {
  const Folder folder;
  const ColdMemory cold({.directory = folder.path, .in_core = kMiB, .resident = 4 * kMiB});
  std::pmr::deque<Row> rows;
  const std::size_t before = resident_of_files();
  fill(rows, 150'000);
  CHECK(cold.in_file() > 24 * kMiB);
  CHECK(folder.empty());
  CHECK(wrong(rows) == 0);
  cold.settle();
  CHECK(resident_of_files() <= before + 4);
  // Changed in the file, not in a copy of it.
  rows[77].number = 7;
  cold.settle();
  CHECK(rows[77].number == 7);
  CHECK(wrong(rows) == 1);
}

TEST_CASE("Room given back in the file is used again", "[cold]") {
  const Folder folder;
  const ColdMemory cold({.directory = folder.path, .in_core = 0, .resident = kMiB});
  for (int i = 0; i < 20; ++i) {
    std::pmr::vector<char> large(8 * kMiB, 'x');
    CHECK(large.back() == 'x');
  }
  CHECK(cold.in_file() <= 4 * kMiB);
  std::pmr::deque<Row> rows;
  fill(rows, 20'000);
  const std::size_t once = cold.in_file();
  for (int i = 0; i < 10; ++i) {
    rows.clear();
    fill(rows, 20'000);
  }
  CHECK(cold.in_file() <= once + 8 * kMiB);
}

TEST_CASE("Without a folder, or where files may not grow, it is ordinary memory", "[cold]") {
  {
    const ColdMemory cold({.directory = "/nonexistent/folder", .in_core = 0});
    std::pmr::deque<Row> rows;
    fill(rows, 30'000);
    CHECK(cold.in_file() == 0);
    CHECK(wrong(rows) == 0);
  }
  // A disk that gets full on the way: what is there stays, the rest goes elsewhere.
  const Folder folder;
  struct rlimit before {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  struct rlimit small = before;
  small.rlim_cur = 10 * kMiB;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  {
    const ColdMemory cold({.directory = folder.path, .in_core = 0});
    std::pmr::deque<Row> rows;
    fill(rows, 100'000);
    CHECK(cold.in_file() > 0);
    CHECK(cold.in_file() <= 10 * kMiB);
    CHECK(wrong(rows) == 0);
  }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
}

TEST_CASE("When it goes, the memory resource that was there before is back", "[cold]") {
  auto* const before = std::pmr::get_default_resource();
  {
    const ColdMemory cold({});
    CHECK(std::pmr::get_default_resource() != before);
  }
  CHECK(std::pmr::get_default_resource() == before);
}

}  // namespace voip
