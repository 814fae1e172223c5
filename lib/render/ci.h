#pragma once

#include "render/renderer.h"

namespace voip::render {

// GitHub workflow commands: the worst ten errors and ten warnings that a step may show, then a summary.
void render_github(const report::Report& report, const RenderOptions& options, Output& out);
// GitLab's Code Quality report: a JSON array.
void render_gitlab(const report::Report& report, const RenderOptions& options, Output& out);
// For a job's summary page or a ticket.
void render_markdown(const report::Report& report, const RenderOptions& options, Output& out);

}  // namespace voip::render
