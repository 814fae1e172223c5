#include "analyze/fraud/maxmind.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#if defined(VOIP_HAS_MAXMINDDB)
#include <maxminddb.h>
#endif

namespace voip::analyze::fraud {

bool MaxMind::is_one(std::string_view file) {
  constexpr std::size_t kMetadata = 128U << 10;  // the most that may follow the mark
  constexpr std::string_view kMark = "\xab\xcd\xefMaxMind.com";
  return file.substr(file.size() - std::min(file.size(), kMetadata)).find(kMark) != std::string_view::npos;
}

const Places::Place* MaxMind::find(const IpAddress& address) {
  auto [at, made] = known_.try_emplace(address);
  if (made) at->second = look_up(address);
  return at->second ? &*at->second : nullptr;
}

#if defined(VOIP_HAS_MAXMINDDB)

struct MaxMind::File {
  MMDB_s db{};
  bool open = false;
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (open) MMDB_close(&db);
  }
};

Result<std::shared_ptr<MaxMind>> MaxMind::open(const std::string& path) {
  auto file = std::make_shared<File>();
  const int status = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &file->db);
  if (status != MMDB_SUCCESS) return Error{fmt::format("{}: {}", path, MMDB_strerror(status))};
  file->open = true;
  return std::shared_ptr<MaxMind>(new MaxMind(std::move(file)));
}

std::optional<Places::Place> MaxMind::look_up(const IpAddress& address) const {
  // Only reads the digits of the text: it never asks a name server.
  int unreadable = 0;
  int status = MMDB_SUCCESS;
  const MMDB_lookup_result_s found = MMDB_lookup_string(&file_->db, address.to_string().c_str(), &unreadable, &status);
  if (unreadable != 0 || status != MMDB_SUCCESS || !found.found_entry) return std::nullopt;
  const auto value = [&](const char* a, const char* b, std::uint32_t type) {
    MMDB_entry_data_s data{};
    MMDB_entry_s entry = found.entry;
    const bool read = MMDB_get_value(&entry, &data, a, b, nullptr) == MMDB_SUCCESS;
    return read && data.has_data && data.type == type ? std::optional(data) : std::nullopt;
  };
  auto code = value("country", "iso_code", MMDB_DATA_TYPE_UTF8_STRING);
  if (!code) code = value("registered_country", "iso_code", MMDB_DATA_TYPE_UTF8_STRING);
  if (!code || code->data_size != 2) return std::nullopt;
  Places::Place place;
  place.country.assign(code->utf8_string, code->data_size);
  const auto latitude = value("location", "latitude", MMDB_DATA_TYPE_DOUBLE);
  const auto longitude = value("location", "longitude", MMDB_DATA_TYPE_DOUBLE);
  if (latitude && longitude && std::abs(latitude->double_value) <= 90 && std::abs(longitude->double_value) <= 180) {
    place.exact = true;
    place.latitude = static_cast<float>(latitude->double_value);
    place.longitude = static_cast<float>(longitude->double_value);
  }
  return place;
}

#else

struct MaxMind::File {};

Result<std::shared_ptr<MaxMind>> MaxMind::open(const std::string& path) {
  return Error{fmt::format("{}: a MaxMind database, and this program was built without libmaxminddb", path)};
}
std::optional<Places::Place> MaxMind::look_up(const IpAddress&) const { return std::nullopt; }

#endif

}  // namespace voip::analyze::fraud
