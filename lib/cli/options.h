#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/time.h"
#include "report/collector.h"

namespace voip::cli {

// What to read.
struct SourceOptions {
  std::vector<std::string> inputs;    // as given; the lines of --files-from follow
  std::vector<std::string> key_logs;  // paths
  std::vector<std::string> tls_keys;  // paths of PEM files
  std::string filter;                 // BPF
  Timestamp from;                     // unknown: no bound
  Timestamp to;
  bool hash = false;  // SHA-256 of each input
  bool keep_duplicates = false;
};

// One report to write.
struct OutputTarget {
  std::string format;
  std::string path;  // "-": standard output
};

enum class Colour : std::uint8_t { kAuto, kAlways, kNever };

// What all tools share, as plain values: all checked.
struct CommonOptions {
  SourceOptions source;
  std::vector<OutputTarget> outputs;  // never empty after parsing
  std::vector<std::string> call_ids;  // empty: all calls
  report::FailPolicy fail_on;
  report::Severity min_severity = report::Severity::kInfo;
  std::string zone;  // of --tz; empty: UTC
  Colour colour = Colour::kAuto;
  bool progress = true;  // allowed; shown on a terminal only
  bool quiet = false;
  unsigned verbose = 0;
  bool reveal = false;           // show secrets in full
  unsigned threads = 1;          // at most
  std::uint64_t max_memory = 0;  // bytes; 0: the limits as they are
  Timestamp at;                  // judge at this time instead of the call's; unknown: the call's
  // Paths; empty: not asked for.
  std::string policy;
  std::string baseline;
  std::string write_baseline;
  std::string expect;
  std::string write_expect;
  std::string annotate;
};

// The limits of --max-memory: all tables grow or shrink together. The defaults are meant for about 1 GiB.
Limits limits_for(const CommonOptions& options);

// "512M", "2G", "1500000": bytes. Suffixes K, M, G, T are powers of 1024, an "iB" or "B" may follow.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace voip::cli
