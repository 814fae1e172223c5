#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "render/output.h"
#include "report/report.h"

namespace voip::render {

// A list of a tool's report that -f csv-NAME writes.
struct Table {
  std::string_view name;     // "streams"
  std::string_view columns;  // in their order, with commas between; what a record does not have is an empty cell
};

struct RenderOptions {
  // Text only.
  bool colour = false;
  unsigned width = 100;  // columns to wrap sentences at
  bool brief = false;    // verdict and findings, nothing else
  // A moment in the user's zone; empty: UTC.
  std::function<std::string(Timestamp)> format_time;
  // CSV only: the table to write; null: the findings.
  const Table* table = nullptr;
};

// One output format. Rendering never fails; the Output keeps its errors.
struct Format {
  std::string_view name;     // as --format takes it
  std::string_view purpose;  // for --help
  void (*render)(const report::Report& report, const RenderOptions& options, Output& out) = nullptr;
};

// In the order of --help; the first is the default.
std::span<const Format> formats();
const Format* find_format(std::string_view name);  // null when there is none

}  // namespace voip::render
