#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace voip::policy {

struct LocalTime {
  unsigned weekday = 0;  // 0 is Monday
  unsigned minute = 0;   // of the day, 0..1439
  int offset_s = 0;      // east of UTC
};

// A zone of the tz database (RFC 8536), independent of the process's own zone. Made without a file it is UTC.
class Zone {
 public:
  // "Europe/Paris", "UTC" or "" for UTC. Reads /usr/share/zoneinfo.
  static Result<Zone> load(const std::string& name);
  // A TZif file's bytes; for tests, and what load() uses.
  static Result<Zone> parse(ByteView file, const std::string& name);

  int offset_s(Timestamp moment) const;
  LocalTime local(Timestamp moment) const;

 private:
  struct Change {
    std::int64_t at = 0;  // seconds since 1970
    int offset_s = 0;
  };
  // One of the two changes a year of a POSIX TZ rule (M form).
  struct Rule {
    unsigned month = 0;
    unsigned week = 0;
    unsigned day = 0;
    int second = 0;
  };
  bool read_rule(std::string_view text);
  int by_rule(std::int64_t seconds) const;

  int first_offset_ = 0;
  std::vector<Change> changes_;
  bool has_rule_ = false;  // what holds after the last change
  bool has_summer_ = false;
  int standard_ = 0;
  int summer_ = 0;
  Rule to_summer_;
  Rule to_standard_;
};

}  // namespace voip::policy
