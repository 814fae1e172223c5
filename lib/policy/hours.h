#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace voip::policy {

// Minutes of the week at which a site works.
class Hours {
 public:
  // "Mon-Fri 07:00-20:00", "Sat,Sun 09:00-13:00", "22:00-06:00" (every day; ends on the next), "always".
  // False when it is none of these; nothing has changed then.
  bool add(std::string_view text);
  // weekday: 0 is Monday.
  bool contains(unsigned weekday, unsigned minute_of_day) const;
  const std::vector<std::string>& texts() const { return texts_; }

  static Hours office();  // Mon-Fri 07:00-20:00

 private:
  static constexpr unsigned kDay = 24 * 60;
  std::bitset<std::size_t{7} * kDay> open_;
  std::vector<std::string> texts_;
};

}  // namespace voip::policy
