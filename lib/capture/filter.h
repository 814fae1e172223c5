#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/source.h"

namespace voip::capture {

// A filter in libpcap's language, compiled once for each link type that occurs.
class Filter {
 public:
  explicit Filter(std::string expression);
  ~Filter();
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // Why it does not compile for this link type, in libpcap's words; empty when it does.
  const std::string& error(LinkType link);
  // A packet of a link type for which it does not compile never matches; HEP messages always do.
  bool matches(const Packet& packet);

 private:
  struct Compiled;
  Compiled& compiled(LinkType link);

  std::string expression_;
  std::vector<std::unique_ptr<Compiled>> compiled_;
};

// A word of the expression that libpcap would look up as a host's name, which may ask the network; empty: none.
std::string host_name_in(std::string_view expression);

}  // namespace voip::capture
