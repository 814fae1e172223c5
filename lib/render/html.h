#pragma once

#include "render/renderer.h"

namespace voip::render {

// One self-contained page.
void render_html(const report::Report& report, const RenderOptions& options, Output& out);

}  // namespace voip::render
