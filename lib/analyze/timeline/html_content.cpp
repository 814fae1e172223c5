#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analyze/timeline/content.h"
#include "analyze/timeline/pictures.h"

namespace voip::analyze::timeline {

namespace {

using report::HtmlWriter;

constexpr std::size_t kMostEvents = 2000;
constexpr std::size_t kMostCalls = 400;
constexpr std::size_t kMostRungs = 120;
constexpr double kWide = 960;
constexpr double kLeft = 140;

void element(HtmlWriter& out, std::string_view tag, std::string_view text, HtmlWriter::Attributes attributes = {}) {
  out.open(tag, attributes);
  out.text(text);
  out.close();
}

std::string number(double value) { return fmt::format("{:.1f}", value); }

void svg_text(HtmlWriter& out, double x, double y, std::string_view text, std::string_view anchor = "start",
              std::string_view style = "") {
  element(out, "text", text, {{"x", number(x)}, {"y", number(y)}, {"text-anchor", anchor}, {"class", style}});
}

void svg_line(HtmlWriter& out, double x1, double y1, double x2, double y2, std::string_view style) {
  out.open("line", {{"x1", number(x1)}, {"y1", number(y1)}, {"x2", number(x2)}, {"y2", number(y2)}, {"class", style}});
  out.close();
}

void svg_bar(HtmlWriter& out, double x, double y, double width, double height, std::string_view style,
             std::string_view title) {
  out.open("rect", {{"x", number(x)},
                    {"y", number(y)},
                    {"width", number(std::max(width, 1.5))},
                    {"height", number(height)},
                    {"class", style}});
  element(out, "title", title);
  out.close();
}

void begin_svg(HtmlWriter& out, double height, std::string_view label, double wide = kWide) {
  out.open("svg", {{"viewBox", fmt::format("0 0 {:.0f} {:.0f}", wide, height)},
                   {"width", fmt::format("{:.0f}", wide)},
                   {"role", "img"},
                   {"aria-label", label}});
}

// Where a moment lies between two others.
struct Axis {
  Timestamp from;
  Timestamp to;
  double x(Timestamp time) const {
    const double span = seconds_between(from, to);
    const double at = span <= 0 ? 0 : seconds_between(from, time) / span;
    return kLeft + std::clamp(at, 0.0, 1.0) * (kWide - kLeft - 20);
  }
};

void draw_axis(HtmlWriter& out, const Axis& axis, double top, double bottom) {
  constexpr int kTicks = 6;
  const bool days = seconds_between(axis.from, axis.to) > 100'000;
  for (int i = 0; i <= kTicks; ++i) {
    const Timestamp at{axis.from.ns + (axis.to.ns - axis.from.ns) / kTicks * i};
    const double x = axis.x(at);
    svg_line(out, x, top, x, bottom, "axis");
    const std::string text = format_utc(at, 0);
    if (text.size() < 19) continue;
    svg_text(out, x, bottom + 14, days ? text.substr(5, 5) + " " + text.substr(11, 5) : text.substr(11, 8),
             i == kTicks ? "end" : "middle", "soft");
  }
}

std::string join(const std::vector<std::string>& items, std::size_t most = 12) {
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < most; ++i) text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > most) text += fmt::format(" and {} more", items.size() - most);
  return text;
}

std::string join(const std::vector<IpAddress>& items) {
  std::vector<std::string> texts;
  for (const IpAddress& item : items) texts.push_back(item.to_string());
  return join(texts);
}

void row(HtmlWriter& out, std::string_view name, std::string_view text, std::string_view style = "") {
  out.open("tr");
  element(out, "th", name);
  element(out, "td", text, {{"class", style}});
  out.close();
}

std::string_view group_of(EventKind kind) {
  switch (kind) {
    case EventKind::kRegister:
    case EventKind::kRegisterFailed:
    case EventKind::kRegisterOk:
    case EventKind::kUnregister: return "ev ev-reg";
    case EventKind::kCallStart:
    case EventKind::kCallAnswer:
    case EventKind::kCallChange:
    case EventKind::kMedia:
    case EventKind::kTransfer:
    case EventKind::kMessage:
    case EventKind::kCallEnd:
    case EventKind::kCallFailed: return "ev ev-call";
    default: return "ev ev-attack";
  }
}

}  // namespace

void TimelineContent::html_campaign(HtmlWriter& out) const {
  if (campaign() == nullptr) return;
  const Campaign& c = *story_.campaign;
  element(out, "h2", "The incident");
  out.open("div", {{"class", "panel"}});
  element(out, "p", c.verdict, {{"class", "lead"}});
  if (const std::string warning = order_warning(); !warning.empty()) element(out, "p", warning, {{"class", "bad"}});
  out.open("table");
  row(out, "severity", fmt::format("{} ({})", report::to_string(c.severity), report::to_string(c.confidence)),
      report::to_string(c.severity));
  row(out, "actors", join(c.actors));
  row(out, "accounts", join(c.accounts));
  row(out, "first hostile act",
      format_utc(c.first_hostile.time) + (c.starts_with_capture ? "; the true begin may lie before this capture" : ""));
  if (c.decisive.known()) {
    row(out, "got in",
        fmt::format("{}, frame {}, account {}", format_utc(c.decisive.time), c.decisive.number, c.taken_account),
        "bad");
    if (c.takeover.known()) row(out, "took over", format_utc(c.takeover.time));
    for (const EntryPoint& entry : c.entry) {
      row(out, "how", fmt::format("{} ({}): {}", entry.name, report::to_string(entry.confidence), entry.reason));
    }
    row(out, "stayed", duration_text(c.dwell_s) + (c.ongoing ? ", and still is in" : ""));
    if (c.returned.known()) row(out, "came back", format_utc(c.returned.time), "bad");
    row(out, "stopped",
        c.containment ? format_utc(c.containment->first.time)
        : c.ongoing   ? std::string("not yet")
                      : std::string("ended, cause unknown"),
        c.containment ? "good" : "");
  }
  if (c.calls != 0) {
    row(out, "calls",
        fmt::format("{} answered, {:.1f} minutes, to {}", c.calls, c.minutes, join(c.affected.destinations)));
  }
  if (c.cost) {
    row(out, "estimated cost", cost_text(*c.cost));
  }
  std::vector<std::string> resets;
  for (const AccountToReset& reset : c.reset) resets.push_back(fmt::format("{} ({})", reset.account, reset.why));
  if (!resets.empty()) row(out, "reset now", join(resets));
  out.close();
  if (!c.other_explanations.empty()) {
    out.open("details");
    element(out, "summary", "What else it could be");
    out.open("div");
    for (const std::string& text : c.other_explanations) element(out, "p", text, {{"class", "small"}});
    out.close();
    out.close();
  }
  out.close();
}

void TimelineContent::html_phases(HtmlWriter& out) const {
  if (story_.phases.empty()) return;
  element(out, "h2", "Phases");
  const Axis axis{record_.first, record_.last};
  const double height = 24.0 * static_cast<double>(story_.phases.size());
  begin_svg(out, height + 30, "Phases of the incident on a time axis");
  draw_axis(out, axis, 4, height + 4);
  double y = 6;
  for (const Phase& phase : story_.phases) {
    const double x = axis.x(phase.start.time);
    svg_text(out, kLeft - 8, y + 13, to_string(phase.kind), "end");
    svg_bar(out, x, y, axis.x(phase.end.time) - x, 16, fmt::format("p-{}", to_string(phase.kind)),
            fmt::format("{} to {}", format_utc(phase.start.time, 0), format_utc(phase.end.time, 0)));
    y += 24;
  }
  out.close();
  out.raw(
      "<table><tr><th>phase</th><th>from</th><th>to</th><th>actors</th><th>accounts</th><th>requests</th>"
      "<th>calls</th><th>ATT&amp;CK</th></tr>\n");
  for (const Phase& phase : story_.phases) {
    out.open("tr");
    element(out, "td", to_string(phase.kind), {{"class", "nowrap"}});
    // May break between day and time.
    for (const FrameRef& frame : {phase.start, phase.end}) {
      std::string time = format_utc(frame.time, 0);
      std::replace(time.begin(), time.end(), 'T', ' ');
      element(out, "td", time);
    }
    element(out, "td", join(phase.actors));
    element(out, "td", join(phase.accounts));
    element(out, "td", std::to_string(phase.messages));
    element(out, "td",
            phase.kind == PhaseKind::kAbuse ? fmt::format("{} ({:.1f} min)", phase.calls, phase.minutes) : "");
    std::string ids;
    for (const std::string_view id : phase.attack) ids += fmt::format("{}{}", ids.empty() ? "" : " ", id);
    element(out, "td", ids);
    out.close();
  }
  out.raw("</table>\n");
}

void TimelineContent::html_activity(HtmlWriter& out) const {
  if (record_.calls.empty() || !record_.first.known()) return;
  element(out, "h2", "Activity");
  // Calls begun and calls that failed, in slices of the whole time.
  constexpr std::size_t kSlices = 96;
  std::vector<std::uint64_t> begun(kSlices);
  std::vector<std::uint64_t> failed(kSlices);
  const auto span = std::max<std::int64_t>(record_.last.ns - record_.first.ns, 1);
  std::uint64_t most = 1;
  for (const CallRecord& call : record_.calls) {
    if (!call.begin().time.known() || record_.calls[call.group].call_id != call.call_id) continue;
    const double at = static_cast<double>(call.begin().time.ns - record_.first.ns) / static_cast<double>(span);
    const auto slice = static_cast<std::size_t>(std::clamp(at * kSlices, 0.0, kSlices - 1.0));
    most = std::max(most, ++begun[slice]);
    if (call.failed()) ++failed[slice];
  }
  const Axis axis{record_.first, record_.last};
  constexpr double kHigh = 90;
  begin_svg(out, kHigh + 30, "Calls over time");
  draw_axis(out, axis, 4, kHigh + 4);
  svg_text(out, kLeft - 8, 14, counted(most, "call"), "end", "soft");
  svg_text(out, kLeft - 8, kHigh + 4, "0", "end", "soft");
  const double step = (kWide - kLeft - 20) / kSlices;
  for (std::size_t i = 0; i < kSlices; ++i) {
    const double x = kLeft + step * static_cast<double>(i);
    const auto bar = [&](std::uint64_t n, std::string_view style, std::string_view what) {
      if (n == 0) return;
      const double high = kHigh * static_cast<double>(n) / static_cast<double>(most);
      svg_bar(out, x, kHigh + 4 - high, step - 1, high, style, fmt::format("{} {}", n, what));
    };
    bar(begun[i], "bar", "calls");
    bar(failed[i], "p-compromise", "of them failed");
  }
  out.close();
  if (campaign() == nullptr || story_.campaign->affected.destinations.empty()) return;
  std::map<std::string, std::uint64_t> destinations;
  for (const std::size_t i : story_.campaign->incidents) {
    const fraud::Incident& one = story_.incidents[i];
    if (one.answered == 0) continue;
    for (const std::string& name : one.destinations) destinations[name] = std::max(destinations[name], one.answered);
  }
  element(out, "p", "Destinations of the abuse: " + join(story_.campaign->affected.destinations), {{"class", "small"}});
  if (story_.campaign->activity.empty()) return;
  double top = 0.1;
  for (const Slice& slice : story_.campaign->activity) top = std::max(top, slice.minutes);
  const Axis abuse{story_.campaign->activity.front().start,
                   story_.campaign->activity.back().start + std::chrono::minutes{10}};
  begin_svg(out, kHigh + 30, "Minutes of the abuse, each 10 minutes");
  draw_axis(out, abuse, 4, kHigh + 4);
  svg_text(out, kLeft - 8, 14, fmt::format("{:.0f} min", top), "end", "soft");
  for (const Slice& slice : story_.campaign->activity) {
    const double x = abuse.x(slice.start);
    const double high = kHigh * slice.minutes / top;
    svg_bar(
        out, x, kHigh + 4 - high, abuse.x(slice.start + std::chrono::minutes{10}) - x - 1, high, "p-abuse",
        fmt::format("{}: {}, {:.1f} minutes", format_utc(slice.start, 0), counted(slice.calls, "call"), slice.minutes));
  }
  out.close();
}

void TimelineContent::html_incidents(HtmlWriter& out) const {
  bool any = false;
  for (const fraud::Incident& one : story_.incidents) {
    if (!wants(one)) continue;
    if (!any) {
      element(out, "h2", "Incidents");
      any = true;
    }
    const std::string severity{report::to_string(one.lead().severity)};
    out.open("details");
    out.open("summary");
    element(out, "span", severity, {{"class", "badge " + severity}});
    out.raw(" ");
    element(out, "b", fraud::to_string(one.kind));
    out.text(fmt::format(" {}: {}", format_utc(one.first.time, 0), one.lead().message));
    out.close();
    out.open("div");
    out.open("table");
    row(out, "time", fmt::format("{} to {}", format_utc(one.first.time, 0), format_utc(one.last.time, 0)));
    row(out, "sources", join(one.sources));
    if (!one.accounts.empty()) row(out, "accounts", join(one.accounts));
    if (!one.numbers.empty()) row(out, "numbers", join(one.numbers));
    if (!one.destinations.empty()) row(out, "destinations", join(one.destinations));
    row(out, "requests", std::to_string(one.messages));
    if (one.calls != 0) {
      row(out, "calls",
          fmt::format("{}, {} answered, {:.1f} minutes", one.calls, one.answered, one.answered_seconds / 60));
    }
    if (!one.tool.empty()) row(out, "program", one.tool);
    row(out, "explanation", one.explanation);
    out.close();
    out.close();
    out.close();
  }
}

void TimelineContent::html_events(HtmlWriter& out) const {
  element(out, "h2", "What happened");
  out.raw(
      "<div class=\"filter\"><label><input type=\"radio\" name=\"ev\" id=\"ev-all\" checked> everything</label>"
      "<label><input type=\"radio\" name=\"ev\" id=\"ev-attack\"> attack</label>"
      "<label><input type=\"radio\" name=\"ev\" id=\"ev-reg\"> registrations</label>"
      "<label><input type=\"radio\" name=\"ev\" id=\"ev-call\"> calls</label></div>\n"
      "<table><tr><th>time (UTC)</th><th>kind</th><th></th><th>from</th><th>frame</th></tr>\n");
  std::size_t shown = 0;
  std::uint64_t left_out = 0;
  record_.tell(show_.narrow, [&](const Told& told) {
    if (told.covered) return;
    if (told.kind == EventKind::kCallAnswer || told.kind == EventKind::kMedia) return;  // with the call
    if (shown >= kMostEvents) {
      ++left_out;
      return;
    }
    ++shown;
    out.open("tr", {{"class", group_of(told.kind)}});
    element(out, "td", format_utc(told.frame.time, 3), {{"class", "mono nowrap"}});
    element(out, "td", to_string(told.kind), {{"class", "nowrap"}});
    element(out, "td",
            told.count > 1 && told.kind != EventKind::kProbe ? fmt::format("{} ({} times)", told.text, told.count)
                                                             : told.text);
    element(out, "td", told.actor.unspecified() ? std::string() : told.actor.to_string(), {{"class", "mono nowrap"}});
    element(out, "td", fmt::format("{}", told.frame.number), {{"class", "mono soft"}});
    out.close();
  });
  out.raw("</table>\n");
  if (left_out != 0) element(out, "p", fmt::format("and {} more (--format json)", left_out), {{"class", "soft"}});
}

void TimelineContent::html_calls(HtmlWriter& out) const {
  const std::vector<std::size_t> groups = wanted_groups(record_, show_.narrow);
  if (groups.empty()) return;
  element(out, "h2", "Calls");
  for (std::size_t n = 0; n < groups.size() && n < kMostCalls; ++n) {
    const CallRecord& call = record_.calls[groups[n]];
    out.open("details");
    out.open("summary");
    element(out, "span", format_utc(call.begin().time, 3), {{"class", "mono soft"}});
    out.raw(" ");
    element(out, "b", fmt::format("{} > {}", record_.caller_of(call), record_.callee_of(call)));
    element(out, "span", " " + sum_up(record_, call),
            {{"class", call.answered() && call.media == Media::kOneWay ? "warn" : ""}});
    out.close();
    out.open("div");
    element(out, "p", fmt::format("Call-ID {}", call.call_id), {{"class", "mono small soft"}});
    for (const StreamRecord& stream : call.streams) {
      element(out, "p",
              fmt::format("{} > {}: {} packets {}, {}", stream.src.to_string(), stream.dst.to_string(), stream.packets,
                          record_.names.text(stream.codec),
                          duration_text(seconds_between(stream.first.time, stream.last.time))),
              {{"class", "mono small"}});
    }
    const Ladder ladder = ladder_of(record_, groups[n]);
    if (ladder.columns.size() > 1) {
      constexpr double kColumn = 190;
      const std::size_t rungs = std::min(ladder.rungs.size(), kMostRungs);
      const double wide = 100 + kColumn * static_cast<double>(ladder.columns.size());
      const double high = 30 + 20 * static_cast<double>(rungs);
      const auto x_of = [](std::size_t column) { return 180 + kColumn * static_cast<double>(column); };
      begin_svg(out, high + 6, "Ladder diagram", wide);
      for (std::size_t i = 0; i < ladder.columns.size(); ++i) {
        svg_text(out, x_of(i), 12, ladder.columns[i], "middle");
        svg_line(out, x_of(i), 18, x_of(i), high, "lane");
      }
      for (std::size_t i = 0; i < rungs; ++i) {
        const Ladder::Rung& rung = ladder.rungs[i];
        const double y = 40 + 20 * static_cast<double>(i);
        const std::string time = format_utc(rung.frame.time, 3);
        svg_text(out, 4, y + 3, time.size() > 23 ? time.substr(11, 12) : time, "start", "soft");
        const double a = x_of(rung.from);
        const double b = x_of(rung.to);
        const double back = b > a ? -6 : 6;
        svg_line(out, a, y, b, y, rung.failure ? "fail" : "arrow");
        out.open("polygon", {{"points", fmt::format("{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}", b, y, b + back,
                                                    y - 3.5, b + back, y + 3.5)},
                             {"class", rung.failure ? "failhead" : "head"}});
        out.close();
        svg_text(out, (a + b) / 2, y - 4, rung.label, "middle", rung.again ? "soft" : "");
      }
      out.close();
      if (ladder.rungs.size() > rungs) {
        element(out, "p", fmt::format("and {} more messages", ladder.rungs.size() - rungs), {{"class", "soft small"}});
      }
    }
    out.close();
    out.close();
  }
  if (groups.size() > kMostCalls) {
    element(out, "p",
            fmt::format("and {} more calls (--format json; --call-id, --number and --account choose)",
                        groups.size() - kMostCalls),
            {{"class", "soft"}});
  }
}

bool TimelineContent::write_html(HtmlWriter& out) const {
  html_campaign(out);
  html_phases(out);
  html_activity(out);
  html_incidents(out);
  html_events(out);
  html_calls(out);
  if (campaign() != nullptr && !clock_assumption_.empty()) {
    element(out, "h2", "Notification periods that may apply");
    element(out, "p", clock_assumption_ + " A person decides whether a regime applies and when its clock starts.",
            {{"class", "soft"}});
    out.raw("<table><tr><th>due</th><th>regime</th><th>who</th><th>to whom</th><th>counted from</th><th></th></tr>\n");
    std::vector<const Clock*> next;
    for (const Clock& clock : clocks_) {
      if (clock.due.known()) next.push_back(&clock);
    }
    std::ranges::stable_sort(next, {}, [](const Clock* c) { return c->due; });
    for (const Clock* clock : next) {
      out.open("tr");
      element(out, "td", format_utc(clock->due, 0), {{"class", "mono"}});
      element(out, "td", fmt::format("{} ({})", clock->deadline.regime, clock->deadline.id));
      element(out, "td", clock->deadline.who);
      element(out, "td", clock->deadline.to);
      element(out, "td", clock->deadline.clock_starts);
      element(out, "td", clock->deadline.confirmed, {{"class", "soft"}});
      out.close();
    }
    out.raw("</table>\n");
  }
  return true;
}

}  // namespace voip::analyze::timeline
