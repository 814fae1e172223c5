#include "cli/output_file.h"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

using namespace voip;
using namespace voip::cli;

namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "voip-output-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string at(const char* name) const { return (path / name).string(); }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{path}, {}));
  }
};

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool nameless_works(const Folder& folder) {
  const int fd = ::open(folder.path.c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

}  // namespace

TEST_CASE("A report is in no folder before it is whole, and replaces the old one then", "[cli]") {
  const Folder folder;
  std::ofstream(folder.at("report")) << "old";
  {
    auto file = FileOutput::create(folder.at("report"));
    REQUIRE(file.ok());
    (*file)->write("half of ");
    CHECK(text_of(folder.at("report")) == "old");
    if (nameless_works(folder)) CHECK(folder.entries() == 1);
    (*file)->write("it");
    CHECK((*file)->commit().ok());
  }
  CHECK(text_of(folder.at("report")) == "half of it");
  CHECK(folder.entries() == 1);
}

TEST_CASE("A report that is given up leaves nothing", "[cli]") {
  const Folder folder;
  {
    auto file = FileOutput::create(folder.at("report"));
    REQUIRE(file.ok());
    (*file)->write("half");
  }
  CHECK(folder.entries() == 0);
}

TEST_CASE("Two ways to write a file's name are one file, two files are two", "[cli]") {
  const Folder folder;
  CHECK(output_identity(folder.at("a")) == output_identity(folder.at("./a")));
  CHECK(output_identity(folder.at("a")) != output_identity(folder.at("b")));
  std::ofstream(folder.at("a")) << "x";
  std::filesystem::create_symlink("a", folder.at("link"));
  std::filesystem::create_hard_link(folder.at("a"), folder.at("hard"));
  CHECK(output_identity(folder.at("link")) == output_identity(folder.at("a")));
  CHECK(output_identity(folder.at("hard")) == output_identity(folder.at("a")));
  std::filesystem::create_symlink("not-yet", folder.at("ahead"));
  CHECK(output_identity(folder.at("ahead")) == output_identity(folder.at("not-yet")));
  CHECK(output_identity("/dev/null").empty());
}
