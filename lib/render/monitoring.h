#pragma once

#include "render/renderer.h"

namespace voip::render {

// The plugin convention of Nagios and Icinga: one line with performance data, then the findings. The program's exit
// status follows nagios_status() when this format is asked for.
enum class NagiosStatus : int { kOk = 0, kWarning = 1, kCritical = 2, kUnknown = 3 };
// Critical: something reaches --fail-on. Warning: another new finding of medium or above that is at least probable.
// Unknown: neither, but the run is incomplete.
NagiosStatus nagios_status(const report::Report& report);
void render_nagios(const report::Report& report, const RenderOptions& options, Output& out);
// The line of a run that could not be done.
std::string nagios_failure(std::string_view tool, std::string_view message);

// Prometheus text format for node_exporter's textfile collector. Gauges without client times; every check has its
// series, so that alerts can clear. The file's age is known to the collector (node_textfile_mtime_seconds).
void render_prometheus(const report::Report& report, const RenderOptions& options, Output& out);

// Elastic Common Schema 8: an event a line for each finding, then one for the run.
void render_ecs(const report::Report& report, const RenderOptions& options, Output& out);

}  // namespace voip::render
