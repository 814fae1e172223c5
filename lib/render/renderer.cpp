#include "render/renderer.h"

#include <algorithm>
#include <array>

#include "render/ci.h"
#include "render/csv.h"
#include "render/html.h"
#include "render/json.h"
#include "render/junit.h"
#include "render/monitoring.h"
#include "render/sarif.h"
#include "render/text.h"

namespace voip::render {

namespace {

constexpr std::array kFormats{
    Format{"text", "for people", render_text},
    Format{"json", "one object, see report.schema.json", render_json},
    Format{"ndjson", "the same objects, one a line", render_ndjson},
    Format{"csv", "a record for each finding", render_csv},
    Format{"sarif", "SARIF 2.1.0, for code scanning", render_sarif},
    Format{"junit", "JUnit XML, for CI", render_junit},
    Format{"html", "a page for people, one file", render_html},
    Format{"markdown", "for tickets and job summaries", render_markdown},
    Format{"github", "GitHub annotations", render_github},
    Format{"gitlab", "GitLab Code Quality", render_gitlab},
    Format{"nagios", "plugin line; changes the exit status", render_nagios},
    Format{"prometheus", "metrics for node_exporter's textfile collector", render_prometheus},
    Format{"ecs", "Elastic Common Schema, one event a line", render_ecs},
};

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format* find_format(std::string_view name) {
  const auto* found = std::ranges::find(kFormats, name, &Format::name);
  return found == kFormats.end() ? nullptr : &*found;
}

}  // namespace voip::render
