#pragma once

#include "render/renderer.h"

namespace voip::render {

// JUnit XML in the subset that Jenkins, GitLab and GitHub reporters share. A test case for each finding, named by the
// check and what it is about; a check without findings is one case: passed, or skipped when nothing could be judged.
// What reaches --fail-on is a failure; baselined and suppressed findings are skipped.
void render_junit(const report::Report& report, const RenderOptions& options, Output& out);

}  // namespace voip::render
