#pragma once

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <string>

namespace voip {

// Room for records that are written once and read again at the end, one for each call of a capture of any length.
// Beyond `in_core` bytes it lies in a nameless file, mapped: what isn't used at the moment needs no memory, since its
// pages go back to the file whenever more than `resident` bytes of them are in use. Addresses stay good throughout.
// Without a file (no folder, a full disk) it is ordinary memory.
//
// While it lives it is the default of all std::pmr containers: those are the cold ones, by choice. They have to be gone
// before it goes. For one thread at a time.
class ColdMemory {
 public:
  struct Settings {
    std::string directory{};  // of the file; empty: none is made
    std::size_t in_core = std::size_t{4} << 20;
    std::size_t resident = std::size_t{12} << 20;
  };
  explicit ColdMemory(Settings settings);
  ~ColdMemory();
  ColdMemory(const ColdMemory&) = delete;
  ColdMemory& operator=(const ColdMemory&) = delete;

  // Bytes of the file in use; 0: there is none.
  std::size_t in_file() const;
  // Gives all pages back to the file now.
  void settle() const;

 private:
  class File;
  std::unique_ptr<File> file_;
  std::pmr::unsynchronized_pool_resource pool_;
  std::pmr::memory_resource* before_;
};

}  // namespace voip
