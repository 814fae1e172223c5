#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "render/output.h"

namespace voip::cli {

// Standard output. A closed pipe is a quiet end; any other error is kept.
class StandardOutput final : public render::Output {
 public:
  void write(std::string_view bytes) override;
  Status status() const;

 private:
  bool closed_ = false;
  int error_ = 0;
};

// A file that appears whole or not at all: written without a name where the file system can (nothing stays then,
// however the program ends), else beside its place, then renamed. What is no regular file (a device, a named pipe) is
// written to directly. Without commit() nothing stays.
class FileOutput final : public render::Output {
 public:
  static Result<std::unique_ptr<FileOutput>> create(const std::string& path);
  ~FileOutput() override;
  FileOutput(const FileOutput&) = delete;
  FileOutput& operator=(const FileOutput&) = delete;

  void write(std::string_view bytes) override;
  Status commit();

 private:
  enum class Kind : std::uint8_t { kDirect, kNameless, kNamed };
  FileOutput(Kind kind, std::string path, std::string target, std::string temporary, int fd)
      : kind_(kind), path_(std::move(path)), target_(std::move(target)), temporary_(std::move(temporary)), fd_(fd) {}
  int give_name();  // to a nameless file: temporary_; 0 or errno

  Kind kind_;
  std::string path_;       // as the user says it
  std::string target_;     // links resolved
  std::string temporary_;  // the file's name for now; empty: it has none
  int fd_;
  int error_ = 0;
};

// The same for two paths exactly when both lead to the same file; empty for a device or pipe.
std::string output_identity(const std::string& path);

// Whether a report could be written there: no folder, its folder exists and can be written, and none of the files that
// the run reads is the same file.
Status check_output_path(const std::string& path, const std::vector<std::string>& read_paths);

}  // namespace voip::cli
