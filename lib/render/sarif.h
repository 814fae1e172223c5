#pragma once

#include "render/renderer.h"

namespace voip::render {

// SARIF 2.1.0 (OASIS): a run with its rules, each capture an artifact, the frame number as the line.
void render_sarif(const report::Report& report, const RenderOptions& options, Output& out);

}  // namespace voip::render
