#pragma once

#include <fmt/format.h>

#include <array>

#include "analyze/timeline/pictures.h"
#include "crypto/digest.h"
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

// A version 5 UUID (RFC 9562) of a text, in the namespace that STIX gives to identifiers made from contents.
inline std::string stix_id(std::string_view type, std::string_view name) {
  constexpr std::array<std::uint8_t, 16> kNamespace{0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c,
                                                    0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7};
  std::string text{as_text(kNamespace)};
  text += name;
  std::array<std::uint8_t, 20> hash = crypto::sha1(as_bytes(text));
  hash[6] = static_cast<std::uint8_t>((hash[6] & 0x0f) | 0x50);
  hash[8] = static_cast<std::uint8_t>((hash[8] & 0x3f) | 0x80);
  std::string id{type};
  id += "--";
  constexpr std::string_view kDigits{"0123456789abcdef"};
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += kDigits[hash[i] >> 4];
    id += kDigits[hash[i] & 15];
  }
  return id;
}

// TL-017 as a STIX 2.1 bundle. The same indicators get the same identifiers in every run.
inline void render_stix(const report::Report& report, const render::RenderOptions&, render::Output& out) {
  if (report.content == nullptr) return;
  const auto& indicators = timeline_of(report)->story().indicators;
  const auto quoted = [](std::string_view text) {
    std::string safe;
    for (const char c : text) {
      if (c == '\'' || c == '\\') safe += '\\';
      safe += c;
    }
    return safe;
  };
  const auto moment = [](Timestamp time) { return format_utc(time.known() ? time : Timestamp{0}, 3); };
  std::string all;
  for (const auto& one : indicators) all += fmt::format("{}|{}|{}\n", one.kind, one.value, moment(one.first.time));
  const std::string maker = stix_id("identity", "voip-audit timeline");
  render::JsonWriter json{out, render::JsonWriter::Layout::kReport};
  json.begin_object();
  json.field("type", "bundle");
  json.field("id", stix_id("bundle", all));
  json.key("objects");
  json.begin_array();
  const auto begin = [&json](std::string_view type, const std::string& id, const std::string& created) {
    json.begin_object();
    json.field("type", type);
    json.field("spec_version", "2.1");
    json.field("id", id);
    json.field("created", created);
    json.field("modified", created);
  };
  begin("identity", maker, "2026-01-01T00:00:00.000Z");
  json.field("name", "voip-audit timeline");
  json.field("identity_class", "system");
  json.end_object();
  for (const auto& one : indicators) {
    const bool tool = one.kind == "tool";
    const std::string_view type = tool ? "tool" : "indicator";
    begin(type, stix_id(type, fmt::format("{}|{}", one.kind, one.value)), moment(one.first.time));
    json.field("created_by_ref", maker);
    json.field("confidence", one.confidence == report::Confidence::kCertain ? std::uint64_t{95} : std::uint64_t{75});
    if (tool) {
      json.field("name", one.value);
      json.end_object();
      continue;
    }
    json.field("name", fmt::format("{} {}", one.kind, one.value));
    json.key("indicator_types");
    json.begin_array();
    json.value("malicious-activity");
    json.end_array();
    const std::string_view object = one.kind != "address"                      ? "user-account:account_login"
                                    : one.value.find(':') != std::string::npos ? "ipv6-addr:value"
                                                                               : "ipv4-addr:value";
    json.field("pattern", fmt::format("[{} = '{}']", object, quoted(one.value)));
    json.field("pattern_type", "stix");
    json.field("valid_from", moment(one.first.time));
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

inline constexpr std::array kTimelineFormats{
    render::Format{"timesketch", "events for Timesketch, one JSON object a line", render_timesketch},
    render::Format{"stix", "indicators as a STIX 2.1 bundle", render_stix},
    render::Format{"ladder", "ladder diagrams of calls, for a terminal", render_ladder},
    render::Format{"mermaid", "a sequence diagram of calls for Mermaid", render_mermaid},
};

}  // namespace voip
