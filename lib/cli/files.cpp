#include "cli/files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>

#include "policy/suggest.h"

namespace voip::cli {

namespace {

constexpr std::size_t kLargestText = 256U << 20;

Error cannot_read(const std::string& path, int error) {
  return Error{fmt::format("can't read {}: {}", path, std::generic_category().message(error))};
}

}  // namespace

Result<std::string> read_text(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    errno = 0;
    file.open(path, std::ios::binary);
    if (!file) return cannot_read(path, errno != 0 ? errno : EIO);
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return cannot_read(path, EISDIR);
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::string text;
  std::string piece(64U << 10, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount() > 0) {
    text.append(piece, 0, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kLargestText) return Error{fmt::format("{} is larger than {} MiB", path, kLargestText >> 20)};
  }
  if (in.bad()) return cannot_read(path, EIO);
  return text;
}

void append_names(std::string_view text, std::vector<std::string>& names) {
  const char end = text.find('\0') != std::string_view::npos ? '\0' : '\n';
  while (!text.empty()) {
    const std::size_t at = text.find(end);
    std::string_view name = text.substr(0, at);
    if (end == '\n' && name.ends_with('\r')) name.remove_suffix(1);
    if (!name.empty()) names.emplace_back(name);
    text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  }
}

std::string similar_file(const std::string& path) {
  constexpr std::size_t kMostNames = 10'000;
  std::error_code error;
  const std::filesystem::path wanted{path};
  if (std::filesystem::exists(wanted, error) || !wanted.has_filename()) return {};
  const std::filesystem::path folder = wanted.parent_path();
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry{folder.empty() ? "." : folder, error}, end;
       !error && entry != end && names.size() < kMostNames; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::ranges::sort(names);
  const std::string meant = policy::nearest(wanted.filename().string(), names);
  return meant.empty() ? std::string{} : fmt::format(" (did you mean {}?)", (folder / meant).string());
}

}  // namespace voip::cli
