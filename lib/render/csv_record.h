#pragma once

#include <string>
#include <string_view>

#include "render/output.h"

namespace voip::render {

// One record of RFC 4180, with a line end of \n. Control characters of a cell are escaped as for a terminal, and a cell
// that a spreadsheet would take for a formula begins with an apostrophe.
class CsvRecord {
 public:
  void cell(std::string_view untrusted);
  void end(Output& out);

 private:
  std::string line_;
  bool any_ = false;
};

}  // namespace voip::render
