#pragma once

#include "render/renderer.h"

namespace voip::render {

// RFC 4180 with a head line and line ends of \n: a record for each finding,
// or the table that the options name.
void render_csv(const report::Report& report, const RenderOptions& options, Output& out);

}  // namespace voip::render
