#pragma once

#include "render/renderer.h"

namespace voip::render {

// doc/output.md and doc/report.schema.json say what is in them. Keys always come in the same order.
void render_json(const report::Report& report, const RenderOptions& options, Output& out);
// One object a line, each led by "type"; "run" is first, "summary" last: a file without it is cut off.
void render_ndjson(const report::Report& report, const RenderOptions& options, Output& out);

}  // namespace voip::render
