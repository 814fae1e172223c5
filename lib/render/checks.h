#pragma once

#include <cstdint>
#include <span>

#include "render/renderer.h"
#include "report/rule.h"

namespace voip::render {

enum class ChecksForm : std::uint8_t { kText, kJson, kNdjson, kMarkdown };

// The catalogue behind --list-checks and doc/checks.md.
void render_checks(std::span<const report::Rule* const> rules, std::string_view tool, ChecksForm form,
                   const RenderOptions& options, Output& out);
// One check in full, for --explain.
void render_explanation(const report::Rule& rule, ChecksForm form, const RenderOptions& options, Output& out);

}  // namespace voip::render
