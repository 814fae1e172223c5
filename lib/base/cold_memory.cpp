#include "base/cold_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/text.h"

namespace voip {

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kStretch = std::size_t{4} << 20;     // of the file, cut into smaller blocks
constexpr std::size_t kOwnStretch = std::size_t{1} << 20;  // a block of this size or more has one for itself
constexpr std::chrono::milliseconds kLookAgain{50};

std::size_t pages(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

// A file without a name, for this process alone; -1: none can be made.
int nameless_file(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR);
  if (fd >= 0) return fd;
  std::string name = directory + "/voip-audit-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

std::size_t largest_file() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return static_cast<std::size_t>(limit.rlim_cur);
}

// Bytes of files that this process has in use (proc_pid_statm(5), "shared"). Nothing: the system doesn't say.
std::optional<std::size_t> resident_of_files() {
  const int fd = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  char text[128];
  const ssize_t n = ::read(fd, text, sizeof(text));
  ::close(fd);
  if (n <= 0) return std::nullopt;
  std::string_view rest{text, static_cast<std::size_t>(n)};
  for (int skipped = 0; skipped < 2; ++skipped) rest.remove_prefix(std::min(rest.size(), rest.find(' ') + 1));
  const auto count = parse_number<std::size_t>(rest.substr(0, rest.find(' ')));
  if (!count) return std::nullopt;
  return *count * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

// Where the pool gets its blocks: first from the heap, then from stretches of the file.
class ColdMemory::File final : public std::pmr::memory_resource {
 public:
  explicit File(Settings settings) : settings_(std::move(settings)), no_file_(settings_.directory.empty()) {}

  ~File() override {
    if (keeper_.joinable()) {
      {
        const std::lock_guard lock(mutex_);
        stop_ = true;
      }
      wake_.notify_one();
      keeper_.join();
    }
    for (const auto& [at, stretch] : stretches_) ::munmap(stretch.begin, stretch.size);
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::size_t in_use() const {
    const std::lock_guard lock(mutex_);
    return mapped_;
  }

  // The file keeps what its pages hold: they are read again where they are needed.
  void settle() const {
    const std::lock_guard lock(mutex_);
    for (const auto& [at, stretch] : stretches_) ::madvise(stretch.begin, stretch.size, MADV_DONTNEED);
  }

 private:
  struct Stretch {
    void* begin = nullptr;
    std::size_t size = 0;
    std::size_t offset = 0;  // in the file
  };
  using Stretches = std::map<std::uintptr_t, Stretch>;

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (in_core_ + bytes > settings_.in_core && alignment <= kPage) {
      if (void* place = bytes < kOwnStretch ? cut(bytes, alignment) : map(pages(bytes))) return place;
    }
    in_core_ += bytes;
    return ::operator new (bytes, std::align_val_t{alignment});
  }

  void do_deallocate(void* place, std::size_t bytes, std::size_t alignment) override {
    if (const auto at = stretch_of(place); at != stretches_.end()) {
      if (at->second.begin == place && at->second.size == pages(bytes) && bytes >= kOwnStretch) unmap(at);
      return;  // the pool uses its small blocks again itself
    }
    in_core_ -= bytes;
    ::operator delete (place, std::align_val_t{alignment});
  }

  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  Stretches::iterator stretch_of(const void* place) {
    const auto at = reinterpret_cast<std::uintptr_t>(place);
    const auto after = stretches_.upper_bound(at);
    if (after == stretches_.begin()) return stretches_.end();
    const auto before = std::prev(after);
    return at - before->first < before->second.size ? before : stretches_.end();
  }

  void* cut(std::size_t bytes, std::size_t alignment) {
    if (std::align(alignment, bytes, next_, free_) == nullptr) {
      next_ = map(kStretch);
      free_ = next_ == nullptr ? 0 : kStretch;
      if (next_ == nullptr) return nullptr;
    }
    void* place = next_;
    next_ = static_cast<std::byte*>(next_) + bytes;
    free_ -= bytes;
    return place;
  }

  // Null: there is no room for it on the disk, nor will there be.
  void* map(std::size_t size) {
    if (no_file_) return nullptr;
    if (fd_ < 0 && !open()) return nullptr;
    // Room is taken now: a disk that is full later would end the program.
    if (size > largest_ - std::min(largest_, end_) ||
        ::posix_fallocate(fd_, static_cast<off_t>(end_), static_cast<off_t>(size)) != 0) {
      no_file_ = true;
      return nullptr;
    }
    void* begin = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, static_cast<off_t>(end_));
    if (begin == MAP_FAILED) {
      no_file_ = true;
      return nullptr;
    }
    {
      const std::lock_guard lock(mutex_);
      stretches_.emplace(reinterpret_cast<std::uintptr_t>(begin), Stretch{begin, size, end_});
      end_ += size;
      mapped_ += size;
    }
    // A writer may be faster than the other thread.
    grown_ += size;
    if (grown_ >= settings_.resident) {
      grown_ = 0;
      settle();
    }
    return begin;
  }

  void unmap(Stretches::iterator at) {
    const std::lock_guard lock(mutex_);
    const Stretch stretch = at->second;
    stretches_.erase(at);
    mapped_ -= stretch.size;
    ::munmap(stretch.begin, stretch.size);
    // Its room on the disk is free again; a file system that can't do that loses nothing else.
    (void)::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(stretch.offset),
                      static_cast<off_t>(stretch.size));
  }

  bool open() {
    largest_ = largest_file();
    fd_ = nameless_file(settings_.directory);
    no_file_ = fd_ < 0;
    if (no_file_) return false;
    // Signals are for the thread that does the work.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      keeper_ = std::thread([this] { keep(); });
    } catch (const std::system_error&) {
      no_file_ = true;  // without the thread the file would gain nothing
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return !no_file_;
  }

  // The other thread: gives pages back whenever too many are in use. What a page holds is the same before and after, so
  // nothing that the program computes depends on when this happens.
  void keep() {
    const std::size_t others = resident_of_files().value_or(0);  // the program and its libraries
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kLookAgain, [this] { return stop_; })) {
      if (mapped_ <= settings_.resident) continue;
      lock.unlock();
      const auto now = resident_of_files();
      if (!now || *now > others + settings_.resident) settle();
      lock.lock();
    }
  }

  const Settings settings_;
  bool no_file_;
  int fd_ = -1;
  std::size_t largest_ = SIZE_MAX;
  std::size_t in_core_ = 0;
  std::size_t end_ = 0;    // of the file
  std::size_t grown_ = 0;  // since pages were given back here
  void* next_ = nullptr;
  std::size_t free_ = 0;  // bytes from there on

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::thread keeper_;
  Stretches stretches_;  // changed by the working thread only, under the mutex
  std::size_t mapped_ = 0;
  bool stop_ = false;
};

ColdMemory::ColdMemory(Settings settings)
    : file_(std::make_unique<File>(std::move(settings))),
      pool_({.max_blocks_per_chunk = 4096, .largest_required_pool_block = 4096}, file_.get()),
      before_(std::pmr::set_default_resource(&pool_)) {}

ColdMemory::~ColdMemory() { std::pmr::set_default_resource(before_); }

std::size_t ColdMemory::in_file() const { return file_->in_use(); }
void ColdMemory::settle() const { file_->settle(); }

}  // namespace voip
