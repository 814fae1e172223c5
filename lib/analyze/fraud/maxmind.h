#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "analyze/fraud/places.h"

namespace voip::analyze::fraud {

// A MaxMind DB file (GeoLite2, GeoIP2, DB-IP and others), read through libmaxminddb as addresses are asked for.
class MaxMind {
 public:
  // By its content, never by its name.
  static bool is_one(std::string_view file);
  static Result<std::shared_ptr<MaxMind>> open(const std::string& path);
  // Null: the database does not know the address, or no country of it.
  const Places::Place* find(const IpAddress& address);

 private:
  struct File;
  explicit MaxMind(std::shared_ptr<File> file) : file_(std::move(file)) {}
  std::optional<Places::Place> look_up(const IpAddress& address) const;

  std::shared_ptr<File> file_;
  std::map<IpAddress, std::optional<Places::Place>> known_;
};

}  // namespace voip::analyze::fraud
