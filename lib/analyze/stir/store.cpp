#include "analyze/stir/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "base/text.h"

namespace voip::analyze::stir {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = 4U << 20;
constexpr std::size_t kMaxDno = 64U << 20;
constexpr std::size_t kMaxCrl = 256U << 20;
constexpr std::size_t kMaxFiles = 65536;
constexpr std::size_t kMaxUrls = 65536;  // remembered; more are looked up anew

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  std::error_code error;
  if (fs::is_directory(path, error)) return Error{fmt::format("{} is a folder", path)};
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{fmt::format("can't read {}", path)};
  std::string text;
  std::array<char, 16384> piece{};
  while (file.read(piece.data(), piece.size()), file.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    if (text.size() > limit) return Error{fmt::format("{} is larger than {} MiB", path, limit >> 20)};
  }
  if (file.bad()) return Error{fmt::format("can't read {}", path)};
  return text;
}

// The file itself, or all files below the folder, in the order of their names.
Result<std::vector<std::string>> files_of(const std::string& path) {
  std::error_code error;
  std::vector<std::string> files;
  if (!fs::is_directory(path, error)) {
    if (!fs::exists(path, error)) return Error{fmt::format("can't read {}", path)};
    files.push_back(path);
    return files;
  }
  fs::recursive_directory_iterator at(path, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator{}; at.increment(error)) {
    std::error_code ignored;
    if (!at->is_regular_file(ignored)) continue;
    files.push_back(at->path().string());
    if (files.size() > kMaxFiles) return Error{fmt::format("{} holds more than {} files", path, kMaxFiles)};
  }
  if (error) return Error{fmt::format("can't read {}: {}", path, error.message())};
  std::ranges::sort(files);
  return files;
}

bool plain_name_char(char c) { return is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '_' || c == '~'; }

std::string percent_escaped(std::string_view url) {
  std::string out;
  for (const char c : url) {
    if (plain_name_char(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string underscored(std::string_view url) {
  std::string out;
  for (const char c : url) out += plain_name_char(c) && c != '~' ? c : '_';
  return out;
}

std::string_view without_scheme(std::string_view url) {
  const std::size_t at = url.find("://");
  return at == std::string_view::npos ? url : url.substr(at + 3);
}

}  // namespace

std::string normalize_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  std::string out = to_lower(url.substr(0, scheme + 3));
  const std::string_view rest = url.substr(scheme + 3);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view authority = rest.substr(0, end);
  const std::size_t user = authority.rfind('@');
  if (user != std::string_view::npos) out += authority.substr(0, user + 1);
  out += to_lower(user == std::string_view::npos ? authority : authority.substr(user + 1));
  out += rest.substr(end);
  return out;
}

Result<UrlFiles> UrlFiles::open(const std::string& path) {
  UrlFiles files;
  if (path.empty()) return files;
  files.given_ = true;
  std::error_code error;
  const Status status = fs::is_directory(path, error) ? files.list_folder(path) : files.read_manifest(path);
  if (!status) return status.error();
  return files;
}

Status UrlFiles::read_manifest(const std::string& path) {
  const auto text = read_file(path, 64U << 20);
  if (!text) return text.error();
  const fs::path base = fs::path(path).parent_path();
  std::string_view rest = *text;
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t tab = line.find('\t');
    const std::string_view url = trim(line.substr(0, tab));
    if (tab == std::string_view::npos || url.find(':') == std::string_view::npos) {
      if (by_url_.empty() && number == 1) continue;  // a line of titles
      return Error{fmt::format("{} line {}: not a URL, a tab and a file name", path, number)};
    }
    std::string_view name = line.substr(tab + 1);
    name = trim(name.substr(0, name.find('\t')));
    if (name.empty()) return Error{fmt::format("{} line {}: no file name", path, number)};
    by_url_.emplace(normalize_url(url), (base / fs::path(name)).string());
    if (by_url_.size() > kMaxFiles) return Error{fmt::format("{} names more than {} files", path, kMaxFiles)};
  }
  return Done{};
}

Status UrlFiles::list_folder(const std::string& path) {
  const auto files = files_of(path);
  if (!files) return files.error();
  for (const std::string& file : *files) {
    const std::string name = fs::path(file).lexically_relative(path).generic_string();
    if (name == "manifest.tsv") {
      if (auto status = read_manifest(file); !status) return status;
    } else {
      by_name_.emplace(name, file);
    }
  }
  return Done{};
}

std::optional<std::string> UrlFiles::find(std::string_view url) const {
  const std::string normal = normalize_url(url);
  if (const auto at = by_url_.find(normal); at != by_url_.end()) return at->second;
  const std::string_view rest = without_scheme(normal);
  const std::string_view path = rest.substr(0, rest.find_first_of("?#"));
  const std::size_t slash = path.rfind('/');
  const std::array<std::string, 8> names{
      std::string(rest),     std::string(path),
      percent_escaped(url),  percent_escaped(normal),
      percent_escaped(rest), underscored(normal),
      underscored(rest),     slash == std::string_view::npos ? std::string{} : std::string(path.substr(slash + 1)),
  };
  for (const std::string& name : names) {
    if (name.empty()) continue;
    for (const char* ending : {"", ".pem", ".crt", ".cer", ".der"}) {
      if (const auto at = by_name_.find(name + ending); at != by_name_.end()) return at->second;
    }
  }
  return std::nullopt;
}

std::vector<std::string> UrlFiles::files() const {
  std::vector<std::string> all;
  for (const auto& [url, path] : by_url_) all.push_back(path);
  for (const auto& [name, path] : by_name_) all.push_back(path);
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

Store::Store() : certificates_(std::make_shared<crypto::StirCertificates>()) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

Result<Store> Store::open(const StorePaths& paths) {
  Store store;
  store.certificates_ =
      std::make_shared<crypto::StirCertificates>(crypto::StirOptions{.allow_p384_authorities = paths.p384_authorities});
  if (!paths.dno.empty()) {
    const auto list = read_file(paths.dno, kMaxDno);
    if (!list) return list.error();
    const std::size_t unread = store.dno_.add(*list);
    if (store.dno_.size() == 0) return Error{fmt::format("--dno {}: no number in it", paths.dno)};
    if (unread != 0) store.notes_.push_back(fmt::format("--dno {}: {} lines are no numbers", paths.dno, unread));
  }
  auto certs = UrlFiles::open(paths.certs);
  if (!certs) return certs.error();
  store.certs_ = std::move(*certs);
  auto contents = UrlFiles::open(paths.content);
  if (!contents) return contents.error();
  store.contents_ = std::move(*contents);

  using Added = crypto::StirCertificates::Added;
  const auto add_all = [&store](const std::string& option, const std::vector<std::string>& files, std::size_t limit,
                                auto&& add) -> Result<std::size_t> {
    std::size_t used = 0;
    for (const std::string& file : files) {
      const auto bytes = read_file(file, limit);
      if (!bytes) return bytes.error();
      const Added added = add(as_bytes(*bytes));
      used += added.used;
      if (added.used == 0) store.notes_.push_back(fmt::format("{} {}: nothing in it can be used", option, file));
    }
    return used;
  };
  if (!paths.trust.empty()) {
    const auto files = files_of(paths.trust);
    if (!files) return files.error();
    const auto used =
        add_all("--trust", *files, kMaxFile, [&](ByteView bytes) { return store.certificates_->add_roots(bytes); });
    if (!used) return used.error();
    if (*used == 0) return Error{fmt::format("--trust {}: no CA certificate in it", paths.trust)};
  }
  if (!paths.crl_trust.empty()) {
    const auto files = files_of(paths.crl_trust);
    if (!files) return files.error();
    const auto used = add_all("--crl-trust", *files, kMaxFile,
                              [&](ByteView bytes) { return store.certificates_->add_crl_trust(bytes); });
    if (!used) return used.error();
    if (*used == 0) return Error{fmt::format("--crl-trust {}: no certificate in it", paths.crl_trust)};
  }
  if (!paths.crls.empty()) {
    std::error_code error;
    std::vector<std::string> files;
    if (fs::is_directory(paths.crls, error) || paths.crls.ends_with(".tsv") || paths.crls.ends_with(".txt")) {
      auto manifest = UrlFiles::open(paths.crls);
      if (!manifest) return manifest.error();
      files = manifest->files();
    } else {
      files.push_back(paths.crls);
    }
    const auto used =
        add_all("--crls", files, kMaxCrl, [&](ByteView bytes) { return store.certificates_->add_crls(bytes); });
    if (!used) return used.error();
    store.has_crls_ = *used != 0;
  }
  return store;
}

const Store::Found& Store::certificate(const std::string& url) {
  if (const auto at = found_.find(url); at != found_.end()) return at->second;
  Found found;
  if (const auto path = certs_.find(url)) {
    found.path = *path;
    if (const auto bytes = read_file(*path, kMaxFile)) {
      found.file = certificates_->add_file(as_bytes(*bytes));
      found.at_hand = found.file != crypto::StirCertificates::kNoFile;
    } else if (notes_.size() < 100) {
      notes_.push_back(fmt::format("--certs: {} (for {})", bytes.error().message, url));
    }
  }
  if (found_.size() >= kMaxUrls) found_.erase(found_.begin());
  return found_.emplace(url, std::move(found)).first->second;
}

void Store::add_certificate(std::string_view url, ByteView file) {
  Found found;
  found.file = certificates_->add_file(file);
  found.at_hand = true;
  found.path = "memory";
  found_.insert_or_assign(std::string(url), std::move(found));
}

void Store::add_content(std::string_view url, std::string bytes) {
  content_.insert_or_assign(std::string(url), std::move(bytes));
}

const std::string* Store::content(const std::string& url) {
  auto at = content_.find(url);
  if (at == content_.end()) {
    std::optional<std::string> bytes;
    if (const auto path = contents_.find(url)) {
      if (auto read = read_file(*path, kMaxFile)) bytes = std::move(*read);
    }
    if (content_.size() >= 256) content_.erase(content_.begin());
    at = content_.emplace(url, std::move(bytes)).first;
  }
  return at->second ? &*at->second : nullptr;
}

}  // namespace voip::analyze::stir
