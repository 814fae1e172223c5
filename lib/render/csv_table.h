#pragma once

#include "render/renderer.h"

namespace voip::render {

// One table of the tool's own records: a row for each item of the lists that bear its name, at whatever depth, also
// with a word in front (orphan_streams are streams). Objects inside are columns A_B; of lists all values stand in one
// cell, with "; " between. What encloses an item has its own name in front (a stream's call_from), once.
void render_csv_table(const report::Report& report, const Table& table, Output& out);

}  // namespace voip::render
