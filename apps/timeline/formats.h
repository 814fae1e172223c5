#pragma once

#include <array>

#include "analyze/timeline/pictures.h"
#include "render/json_writer.h"
#include "render/renderer.h"
#include "render/unicode.h"

namespace voip {

inline const analyze::timeline::TimelineContent* timeline_of(const report::Report& report) {
  return static_cast<const analyze::timeline::TimelineContent*>(report.content);
}

inline void render_ladder(const report::Report& report, const render::RenderOptions&, render::Output& out) {
  if (report.content == nullptr) return;
  analyze::timeline::write_ladders(*timeline_of(report), [&out](const std::string& line) {
    std::string safe;
    unsigned columns = 0;
    render::append_for_terminal(safe, line, columns);
    out.write(safe + "\n");
  });
}

inline void render_mermaid(const report::Report& report, const render::RenderOptions&, render::Output& out) {
  if (report.content == nullptr) return;
  analyze::timeline::write_mermaid(*timeline_of(report), [&out](const std::string& line) { out.write(line + "\n"); });
}

// One event a line, as Timesketch's importer wants it: message, datetime, timestamp in microseconds, timestamp_desc.
inline void render_timesketch(const report::Report& report, const render::RenderOptions&, render::Output& out) {
  if (report.content == nullptr) return;
  const auto& content = *timeline_of(report);
  render::JsonWriter json{out, render::JsonWriter::Layout::kLines};
  content.record().tell(content.show().narrow, [&](const analyze::timeline::Told& told) {
    if (!told.frame.time.known()) return;
    std::string datetime = format_utc(told.frame.time, 6);
    if (datetime.ends_with('Z')) datetime.replace(datetime.size() - 1, 1, "+00:00");
    const std::string kind{to_string(told.kind)};
    json.begin_object();
    json.field("message", told.text);
    json.field("datetime", datetime);
    json.field("timestamp", told.frame.time.ns / 1000);
    json.field("timestamp_desc", kind);
    json.field("data_type", "voip:timeline:event");
    json.field("kind", kind);
    json.field("src_ip", told.actor.unspecified() ? std::string() : told.actor.to_string());
    json.field("subject", told.subject);
    json.field("call_id", told.call_id);
    json.field("count", told.count);
    json.field("input", told.frame.input < report.inputs.size() ? report.inputs[told.frame.input].path : std::string());
    json.field("frame", told.frame.number);
    json.key("tag");
    json.begin_array();
    json.value("voip");
    json.value(kind);
    json.end_array();
    json.end_object();
  });
}

inline constexpr std::array kTimelineFormats{
    render::Format{"timesketch", "events for Timesketch, one JSON object a line", render_timesketch},
    render::Format{"ladder", "ladder diagrams of calls, for a terminal", render_ladder},
    render::Format{"mermaid", "a sequence diagram of calls for Mermaid", render_mermaid},
};

}  // namespace voip
