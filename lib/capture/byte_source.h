#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace voip::capture {

// Bytes front to back, once: a file, a pipe, memory, or what unpacks another source.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills the front of `out` with at least one byte; 0 at the end, early or not: see problem().
  virtual std::size_t read(std::span<std::uint8_t> out) = 0;
  // Taken so far from what is stored, before unpacking.
  virtual std::uint64_t stored_bytes() const = 0;
  // Why the end came early, as a sentence; empty when it did not.
  virtual std::string problem() const { return {}; }
};

class MemorySource final : public ByteSource {
 public:
  // The bytes must outlive the source.
  explicit MemorySource(ByteView bytes) : bytes_(bytes) {}
  std::size_t read(std::span<std::uint8_t> out) override;
  std::uint64_t stored_bytes() const override { return pos_; }

 private:
  ByteView bytes_;
  std::size_t pos_ = 0;
};

class FileSource;

// Keeps the number of open files bounded: the one idle longest is closed, and opened again at its place when read.
class DescriptorPool {
 public:
  explicit DescriptorPool(std::size_t most_open) : most_open_(most_open) {}
  // Before one more is opened.
  void make_room();
  void opened(FileSource& file);
  void closed(FileSource& file);
  std::uint64_t tick() { return ++ticks_; }

 private:
  std::size_t most_open_;
  std::uint64_t ticks_ = 0;
  std::vector<FileSource*> open_;
};

struct FileFacts {
  std::uint64_t size = 0;  // 0: not known (pipe)
  bool regular = false;
};

class FileSource final : public ByteSource {
 public:
  // "-" is standard input. The error names what is wrong, not the path. pool: null to keep the file open.
  static Result<std::unique_ptr<FileSource>> open(const std::string& path, std::shared_ptr<DescriptorPool> pool);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::size_t read(std::span<std::uint8_t> out) override;
  std::uint64_t stored_bytes() const override { return offset_; }
  std::string problem() const override { return problem_; }
  const FileFacts& facts() const { return facts_; }

 private:
  friend class DescriptorPool;
  FileSource() = default;
  bool reopen();
  void park();  // closes the descriptor, keeps the place

  std::string path_;
  std::shared_ptr<DescriptorPool> pool_;
  FileFacts facts_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  int fd_ = -1;
  bool owned_ = true;
  std::uint64_t offset_ = 0;
  std::uint64_t last_use_ = 0;
  std::string problem_;
};

}  // namespace voip::capture
