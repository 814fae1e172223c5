#include "cli/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace voip::cli {

namespace {

// 0 or errno.
int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

Error cannot_write(const std::string& path, int error) {
  return Error{fmt::format("can't write {}: {}", path, std::generic_category().message(error))};
}

// Through symbolic links, so that the rename replaces the file and not the link to it; also where it is not there yet.
std::string resolve(const std::string& path) {
  constexpr unsigned kMostLinks = 40;
  std::error_code error;
  std::filesystem::path at = std::filesystem::absolute(path, error);
  if (error) return path;
  for (unsigned i = 0; i < kMostLinks && std::filesystem::is_symlink(at, error); ++i) {
    const std::filesystem::path next = std::filesystem::read_symlink(at, error);
    if (error) break;
    at = at.parent_path() / next;  // an absolute one replaces it
  }
  const std::filesystem::path real = std::filesystem::weakly_canonical(at, error);
  return error ? path : real.string();
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path{path}.parent_path().string();
  return folder.empty() ? "." : folder;
}

constexpr unsigned kAttempts = 100;

std::string temporary_name(const std::string& target, unsigned attempt) {
  const std::filesystem::path place{target};
  return (place.parent_path() / fmt::format(".{}.{}.{}.part", place.filename().string(), ::getpid(), attempt)).string();
}

// A name is given to it through /proc.
int open_nameless(const std::string& target) {
  if (::access("/proc/self/fd", X_OK) != 0) return -1;
  return ::open(folder_of(target).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
}

}  // namespace

void StandardOutput::write(std::string_view bytes) {
  if (closed_ || error_ != 0) return;
  const int error = write_all(STDOUT_FILENO, bytes);
  if (error == EPIPE) {
    closed_ = true;
  } else {
    error_ = error;
  }
}

Status StandardOutput::status() const {
  if (error_ != 0) return cannot_write("standard output", error_);
  return Done{};
}

Result<std::unique_ptr<FileOutput>> FileOutput::create(const std::string& path) {
  const std::string target = resolve(path);
  struct stat info {};
  const bool exists = ::stat(target.c_str(), &info) == 0;
  if (exists && !S_ISREG(info.st_mode)) {
    const int fd = ::open(target.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return cannot_write(path, errno);
    return std::unique_ptr<FileOutput>{new FileOutput{Kind::kDirect, path, target, {}, fd}};
  }
  int fd = open_nameless(target);
  std::string temporary;
  const Kind kind = fd >= 0 ? Kind::kNameless : Kind::kNamed;
  for (unsigned attempt = 0; fd < 0 && attempt < kAttempts; ++attempt) {
    temporary = temporary_name(target, attempt);
    fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EEXIST) break;
  }
  if (fd < 0) return cannot_write(path, errno);
  if (exists) (void)::fchmod(fd, info.st_mode & 0777);
  return std::unique_ptr<FileOutput>{new FileOutput{kind, path, target, temporary, fd}};
}

FileOutput::~FileOutput() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void FileOutput::write(std::string_view bytes) {
  if (error_ == 0) error_ = write_all(fd_, bytes);
}

int FileOutput::give_name() {
  const std::string descriptor = fmt::format("/proc/self/fd/{}", fd_);
  for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
    const std::string name = temporary_name(target_, attempt);
    if (::linkat(AT_FDCWD, descriptor.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = name;
      return 0;
    }
    if (errno != EEXIST) return errno;
  }
  return EEXIST;
}

Status FileOutput::commit() {
  if (error_ == 0 && kind_ != Kind::kDirect && ::fsync(fd_) != 0) error_ = errno;
  if (error_ == 0 && kind_ == Kind::kNameless) error_ = give_name();
  if (::close(fd_) != 0 && error_ == 0) error_ = errno;
  fd_ = -1;
  if (kind_ == Kind::kDirect && error_ == EPIPE) return Done{};  // a named pipe whose reader has left
  if (error_ == 0 && kind_ != Kind::kDirect && ::rename(temporary_.c_str(), target_.c_str()) != 0) error_ = errno;
  if (error_ != 0) return cannot_write(path_, error_);
  temporary_.clear();
  return Done{};
}

std::string output_identity(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return resolve(path);
  return S_ISREG(info.st_mode) ? fmt::format("{}:{}", info.st_dev, info.st_ino) : std::string{};
}

Status check_output_path(const std::string& path, const std::vector<std::string>& read_paths) {
  const std::string target = resolve(path);
  struct stat info {};
  if (::stat(target.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return cannot_write(path, EISDIR);
    for (const std::string& read : read_paths) {
      struct stat other {};
      if (::stat(read.c_str(), &other) == 0 && S_ISREG(other.st_mode) && other.st_dev == info.st_dev &&
          other.st_ino == info.st_ino) {
        return Error{fmt::format("{} is an input: a report may not replace it", path)};
      }
    }
    if (!S_ISREG(info.st_mode)) return Done{};
  }
  const std::string folder = folder_of(target);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return cannot_write(path, errno);
  return Done{};
}

}  // namespace voip::cli
