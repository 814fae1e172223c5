#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"

namespace voip::analyze::fraud {

class MaxMind;

// Where addresses are, as a table of the user's says (--places). Never asked of a network.
class Places {
 public:
  struct Place {
    std::string country{};  // ISO 3166, upper case
    bool exact = false;     // latitude and longitude are given
    float latitude = 0;     // degrees north
    float longitude = 0;    // degrees east
  };

  // Lines "network,country[,latitude,longitude]" or "first address,last address,country[,latitude,longitude]"; quotes,
  // empty lines, lines that begin with # and a first line of titles are allowed. what: the table's name, for messages.
  static Result<Places> parse(std::string_view text, std::string_view what);
  // A table like that, or a MaxMind DB; path: where its content was read from.
  static Result<Places> read(std::string_view content, const std::string& path);
  // Null: not in the table. Of networks within networks the narrowest counts.
  const Place* find(const IpAddress& address) const;
  std::size_t size() const { return ranges_.size(); }

 private:
  struct Range {
    IpAddress first;
    IpAddress last;
    std::uint32_t place = 0;
    std::uint32_t around = 0;  // the range that this one lies in, and 1; 0: none
  };
  std::vector<Range> ranges_;  // by first address, wider ones first
  std::vector<Place> places_;
  std::shared_ptr<MaxMind> database_;
};

// How far apart two places are at least, in km; by countries alone: their nearest cities. Empty: a country is unknown.
std::optional<double> distance_km(const Places::Place& a, const Places::Place& b);

}  // namespace voip::analyze::fraud
