#include "capture/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace voip::capture {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

int open_again_if_interrupted(const char* path) {
  int fd = -1;
  do {
    fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

Error cannot_open(const std::string& path, int error) {
  switch (error) {
    case ENOENT: return {"There is no such file."};
    case ENOTDIR: return {"A part of the path is not a directory."};
    case ELOOP: return {"The path has too many symbolic links."};
    case EMFILE:
    case ENFILE: return {"Too many files are open."};
    case EACCES:
    case EPERM: {
      struct stat st {};
      if (::stat(path.c_str(), &st) != 0) return {"Permission denied: a directory on the way can't be searched."};
      return {
          fmt::format("Permission denied: the file belongs to user id {} with mode {:04o} (tcpdump and dumpcap "
                      "write as a user of their own).",
                      st.st_uid, st.st_mode & 07777U)};
    }
    default: return {fmt::format("The file can't be opened: {}.", reason(error))};
  }
}

}  // namespace

std::size_t MemorySource::read(std::span<std::uint8_t> out) {
  const ByteView taken = first_bytes(bytes_.subspan(pos_), out.size());
  std::copy(taken.begin(), taken.end(), out.begin());
  pos_ += taken.size();
  return taken.size();
}

void DescriptorPool::make_room() {
  if (open_.size() < most_open_) return;
  const auto idle = std::min_element(
      open_.begin(), open_.end(), [](const FileSource* a, const FileSource* b) { return a->last_use_ < b->last_use_; });
  if (idle != open_.end()) (*idle)->park();  // takes itself off the list
}

void DescriptorPool::opened(FileSource& file) { open_.push_back(&file); }

void DescriptorPool::closed(FileSource& file) { std::erase(open_, &file); }

Result<std::unique_ptr<FileSource>> FileSource::open(const std::string& path, std::shared_ptr<DescriptorPool> pool) {
  std::unique_ptr<FileSource> file{new FileSource};  // private constructor
  file->path_ = path;
  if (path == "-") {
    file->fd_ = STDIN_FILENO;
    file->owned_ = false;
  } else {
    if (pool) pool->make_room();
    file->fd_ = open_again_if_interrupted(path.c_str());
    if (file->fd_ < 0) return cannot_open(path, errno);
  }
  struct stat st {};
  if (::fstat(file->fd_, &st) != 0) return Error{fmt::format("The file can't be opened: {}.", reason(errno))};
  if (S_ISDIR(st.st_mode)) return Error{"This is a directory."};
  file->facts_.regular = S_ISREG(st.st_mode) && file->owned_;
  if (S_ISREG(st.st_mode)) file->facts_.size = static_cast<std::uint64_t>(st.st_size);
  file->device_ = st.st_dev;
  file->inode_ = st.st_ino;
  if (file->facts_.regular) {
    (void)::posix_fadvise(file->fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
    if (pool) {
      file->pool_ = std::move(pool);
      file->pool_->opened(*file);
    }
  }
  return file;
}

FileSource::~FileSource() { park(); }

void FileSource::park() {
  if (fd_ < 0) return;
  if (owned_) ::close(fd_);
  fd_ = -1;
  if (pool_) pool_->closed(*this);
}

bool FileSource::reopen() {
  pool_->make_room();
  const int fd = open_again_if_interrupted(path_.c_str());
  if (fd < 0) {
    problem_ = fmt::format("The file can't be opened again: {}.", reason(errno));
    return false;
  }
  struct stat st {};
  if (::fstat(fd, &st) != 0 || st.st_dev != device_ || st.st_ino != inode_) {
    ::close(fd);
    problem_ = "The file was replaced while it was read.";
    return false;
  }
  if (::lseek(fd, static_cast<off_t>(offset_), SEEK_SET) < 0) {
    ::close(fd);
    problem_ = "The file can't be read on from where reading had stopped.";
    return false;
  }
  fd_ = fd;
  pool_->opened(*this);
  return true;
}

std::size_t FileSource::read(std::span<std::uint8_t> out) {
  if (out.empty() || !problem_.empty()) return 0;
  if (fd_ < 0 && !(pool_ && reopen())) return 0;
  last_use_ = pool_ ? pool_->tick() : 0;
  ssize_t got = 0;
  do {
    got = ::read(fd_, out.data(), out.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    problem_ = fmt::format("Reading failed at byte {}: {}.", offset_, reason(errno));
    return 0;
  }
  offset_ += static_cast<std::uint64_t>(got);
  return static_cast<std::size_t>(got);
}

}  // namespace voip::capture
