#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/timeline/facts.h"
#include "base/result.h"
#include "base/time.h"
#include "capture/homer_db.h"
#include "cli/version.h"
#include "crypto/digest.h"
#include "render/json_writer.h"
#include "render/output.h"

namespace voip {

// The custody log of a case (TL-015): one JSON object a line for each run, each with the SHA-256 of the line before it.
// Lines are only ever appended.
class Custody {
 public:
  explicit Custody(const std::string& directory) : path_(directory + "/custody.jsonl") {}
  const std::string& path() const { return path_; }

  // Reads the log there is and checks its chain. No log yet is no error.
  Status read() {
    std::ifstream file(path_, std::ios::binary);
    if (!file) {
      if (errno == ENOENT) return Done{};
      return Error{fmt::format("can't read {}: {}", path_, std::strerror(errno))};
    }
    std::string line;
    while (std::getline(file, line)) {
      ++lines_;
      const std::string wanted = "\"previous\": \"" + head_ + "\"}";
      if (broken_at_ == 0 && !line.ends_with(wanted)) broken_at_ = lines_;
      head_ = hash_of(line);
    }
    return Done{};
  }
  // For the report.
  std::string sentence() const {
    std::string text = lines_ == 0
                           ? fmt::format("This run begins the custody log {}", path_)
                           : fmt::format("This run is line {} of the custody log {}; the line before has SHA-256 {}",
                                         lines_ + 1, path_, head_);
    if (broken_at_ != 0)
      text += fmt::format("; line {} does not hold the hash of its predecessor: the log was changed", broken_at_);
    return text;
  }
  bool broken() const { return broken_at_ != 0; }

  struct Entry {
    std::vector<std::string> command;
    std::vector<std::pair<std::string, std::string>> inputs;  // path, SHA-256 (empty: none)
    std::vector<std::string> outputs;                         // paths
    std::string policy;                                       // path; empty: none
    bool reveals = false;
    int exit_status = 0;
  };

  // Appends a line; whoever writes at the same time waits.
  Status append(const Entry& entry) {
    const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) return Error{fmt::format("can't write {}: {}", path_, std::strerror(errno))};
    (void)::flock(fd, LOCK_EX);
    // Another run may have added its line meanwhile.
    head_.clear();
    lines_ = 0;
    broken_at_ = 0;
    if (auto status = read(); !status) {
      ::close(fd);
      return status;
    }
    const std::string line = line_of(entry);
    const bool good = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && ::fsync(fd) == 0;
    const int error = errno;
    ::close(fd);
    if (!good) return Error{fmt::format("can't write {}: {}", path_, std::strerror(error))};
    return Done{};
  }

 private:
  static std::string hash_of(std::string_view line) {
    return crypto::digest(crypto::Hash::kSha256, as_bytes(line)).hex();
  }

  std::string line_of(const Entry& entry) const {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    std::array<char, 256> host{};
    (void)::gethostname(host.data(), host.size() - 1);
    const struct passwd* user = ::getpwuid(::getuid());
    render::StringOutput out;
    write_line(out, entry, host.data(), user != nullptr ? std::string(user->pw_name) : std::to_string(::getuid()), now);
    std::string line = out.text();
    while (line.ends_with('\n')) line.pop_back();
    return line + '\n';
  }

  void write_line(render::Output& out, const Entry& entry, std::string_view host, const std::string& user,
                  std::chrono::system_clock::duration now) const {
    render::JsonWriter json{out, render::JsonWriter::Layout::kLines};
    json.begin_object();
    json.field("line", lines_ + 1);
    json.field("time", format_utc({std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()}, 3));
    json.field("user", user);
    json.field("host", host);
    json.field("tool", "timeline");
    json.field("version", cli::kVersion);
    json.key("command");
    json.begin_array();
    for (const std::string& word : entry.command)
      json.value(capture::HomerDb::is_url(word) ? capture::HomerDb::masked(word) : word);
    json.end_array();
    json.field("reveals_secrets", entry.reveals);
    json.key("policy_sha256");
    hash(json, entry.policy);
    json.key("inputs");
    json.begin_array();
    for (const auto& [path, sha256] : entry.inputs) {
      json.begin_object();
      json.field("path", path);
      json.key("sha256");
      if (sha256.empty()) {
        json.null();
      } else {
        json.value(sha256);
      }
      json.end_object();
    }
    json.end_array();
    json.key("outputs");
    json.begin_array();
    for (const std::string& path : entry.outputs) {
      json.begin_object();
      json.field("path", path);
      json.key("sha256");
      hash(json, path);
      json.end_object();
    }
    json.end_array();
    json.field("exit_status", entry.exit_status);
    json.field("previous", head_);
    json.end_object();
  }

  static void hash(render::JsonWriter& json, const std::string& path) {
    const auto sha256 = path.empty() ? Result<std::string>{Error{""}} : crypto::sha256_file(path);
    if (sha256) {
      json.value(*sha256);
    } else {
      json.null();
    }
  }

  std::string path_;
  std::string head_;
  std::uint64_t lines_ = 0;
  std::uint64_t broken_at_ = 0;
};

// What identifies an input before it is read, to see afterwards that it is still the same.
class InputWatch {
 public:
  // TL-014: all, or those where a file NAME.sha256 lies beside.
  void before(const std::vector<capture::InputInfo>& inputs, bool all) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].usable || inputs[i].path == "-" || inputs[i].format == "homer-db") continue;
      Seen seen;
      seen.hash.input = static_cast<std::uint32_t>(i);
      seen.path = inputs[i].path;
      if (std::ifstream beside(seen.path + ".sha256"); beside) {
        std::string word(64, '\0');
        beside.read(word.data(), 64);
        for (char& c : word) {
          if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
        }
        if (beside.gcount() == 64 && word.find_first_not_of("0123456789abcdef") == std::string::npos)
          seen.hash.expected = word;
      }
      if (!all && seen.hash.expected.empty()) continue;
      if (::stat(seen.path.c_str(), &seen.facts) != 0 || !S_ISREG(seen.facts.st_mode)) continue;
      auto digest = crypto::sha256_file(seen.path);
      if (!digest) continue;
      seen.hash.sha256 = *digest;
      seen_.push_back(std::move(seen));
    }
  }
  std::vector<analyze::timeline::InputHash> after() {
    std::vector<analyze::timeline::InputHash> hashes;
    for (Seen& seen : seen_) {
      struct stat now {};
      const bool there = ::stat(seen.path.c_str(), &now) == 0;
      const bool same = there && now.st_size == seen.facts.st_size && now.st_ino == seen.facts.st_ino &&
                        now.st_mtim.tv_sec == seen.facts.st_mtim.tv_sec &&
                        now.st_mtim.tv_nsec == seen.facts.st_mtim.tv_nsec;
      if (!same) {
        const auto digest = there ? crypto::sha256_file(seen.path) : Result<std::string>{Error{"gone"}};
        seen.hash.changed_during_run = !digest || *digest != seen.hash.sha256;
      }
      hashes.push_back(seen.hash);
    }
    return hashes;
  }

 private:
  struct Seen {
    analyze::timeline::InputHash hash;
    std::string path;
    struct stat facts {};
  };
  std::vector<Seen> seen_;
};

}  // namespace voip
