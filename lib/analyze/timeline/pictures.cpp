#include "analyze/timeline/pictures.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace voip::analyze::timeline {

namespace {

constexpr std::size_t kMostLadders = 100;
constexpr std::size_t kWidth = 28;  // of a column
constexpr std::size_t kTime = 14;

std::string label_of(const Step& step) {
  std::string text = step.status == 0 ? std::string(sip::to_string(step.method))
                                      : fmt::format("{} {}", step.status, sip::to_string(step.method));
  if (step.sdp) text += " SDP";
  if (step.again) text += " (again)";
  return text;
}

std::string clock_of(Timestamp time) {
  const std::string text = format_utc(time, 3);
  return text.size() > 23 ? text.substr(11, 12) : text;
}

// Only what can't end a statement of Mermaid or begin a directive.
std::string harmless(std::string_view text) {
  std::string safe;
  for (const char c : text.substr(0, 80)) {
    const bool fine =
        is_alpha(c) || is_digit(c) || c == ' ' || c == '.' || c == '@' || c == '+' || c == '-' || c == '_';
    safe += fine ? c : '_';
  }
  return safe;
}

}  // namespace

std::vector<std::size_t> wanted_groups(const Record& record, const Narrow& narrow) {
  std::vector<std::size_t> groups;
  for (const std::size_t i : record.wanted_calls(narrow)) groups.push_back(record.calls[i].group);
  std::ranges::sort(groups);
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  return groups;
}

Ladder ladder_of(const Record& record, std::size_t leader) {
  Ladder ladder;
  struct Placed {
    const CallRecord* call;
    const Step* step;
  };
  std::vector<Placed> steps;
  // Legs begin soon after the call that leads them.
  for (std::size_t i = leader; i < record.calls.size(); ++i) {
    const CallRecord& call = record.calls[i];
    if (later_by(record.calls[leader].last.time, call.begin().time, std::chrono::seconds{0})) break;
    if (call.group != leader) continue;
    if (call.steps == nullptr) continue;
    for (const Step& step : call.steps->list) steps.push_back({&call, &step});
    ladder.left_out += call.steps->left_out;
  }
  std::ranges::stable_sort(steps, {}, [](const Placed& p) { return p.step->frame; });
  std::vector<Endpoint> points;
  const auto column = [&](const Endpoint& endpoint) {
    const auto at = std::ranges::find(points, endpoint);
    if (at != points.end()) return static_cast<std::size_t>(at - points.begin());
    points.push_back(endpoint);
    ladder.columns.push_back(endpoint.to_string());
    return points.size() - 1;
  };
  for (const Placed& placed : steps) {
    const Step& step = *placed.step;
    const std::vector<Endpoint>& ends = placed.call->steps->points;
    if (step.src >= ends.size() || step.dst >= ends.size()) continue;
    Ladder::Rung rung;
    rung.frame = step.frame;
    rung.from = column(ends[step.src]);
    rung.to = column(ends[step.dst]);
    rung.label = label_of(step);
    rung.failure = step.status >= 400 && step.status != 401 && step.status != 407;
    rung.again = step.again;
    ladder.rungs.push_back(std::move(rung));
  }
  return ladder;
}

void write_ladders(const TimelineContent& content, const LineSink& line) {
  const Record& record = content.record();
  const std::vector<std::size_t> groups = wanted_groups(record, content.show().narrow);
  for (std::size_t n = 0; n < groups.size() && n < kMostLadders; ++n) {
    const CallRecord& call = record.calls[groups[n]];
    const Ladder ladder = ladder_of(record, groups[n]);
    if (n != 0) line("");
    line(fmt::format("{}  {} > {}  {}", format_utc(call.begin().time, 3), record.caller_of(call),
                     record.callee_of(call), sum_up(record, call)));
    line(fmt::format("Call-ID {}", call.call_id));
    std::string head(kTime, ' ');
    for (const std::string& name : ladder.columns) {
      std::string cell = name.substr(0, kWidth - 2);
      const std::size_t left = (kWidth - cell.size()) / 2;
      head += std::string(left, ' ') + cell + std::string(kWidth - left - cell.size(), ' ');
    }
    while (head.ends_with(' ')) head.pop_back();
    line(head);
    for (const Ladder::Rung& rung : ladder.rungs) {
      std::string text = clock_of(rung.frame.time);
      text.resize(kTime, ' ');
      std::string body(ladder.columns.size() * kWidth, ' ');
      for (std::size_t c = 0; c < ladder.columns.size(); ++c) body[c * kWidth + kWidth / 2] = '|';
      const std::size_t a = std::min(rung.from, rung.to) * kWidth + kWidth / 2;
      const std::size_t b = std::max(rung.from, rung.to) * kWidth + kWidth / 2;
      if (a == b) {
        const std::string label = " <> " + rung.label;
        body.resize(std::max(body.size(), a + 1 + label.size()), ' ');
        body.replace(a + 1, label.size(), label);
      } else {
        for (std::size_t i = a + 1; i < b; ++i) body[i] = '-';
        if (rung.from < rung.to) {
          body[b - 1] = '>';
        } else {
          body[a + 1] = '<';
        }
        const std::string label = " " + rung.label.substr(0, b - a - 7) + " ";
        body.replace(a + 1 + (b - a - 1 - label.size()) / 2, label.size(), label);
      }
      text += body;
      while (text.ends_with(' ')) text.pop_back();
      line(fmt::format("{}  #{}", text, rung.frame.number));
    }
    if (ladder.left_out != 0) line(fmt::format("{} more messages were left out", ladder.left_out));
  }
  if (groups.empty()) line("No call that fits was seen.");
  if (groups.size() > kMostLadders) {
    line(fmt::format("and {} more calls; --call-id, --number, --account or --address choose",
                     groups.size() - kMostLadders));
  }
}

void write_mermaid(const TimelineContent& content, const LineSink& line) {
  const Record& record = content.record();
  const std::vector<std::size_t> groups = wanted_groups(record, content.show().narrow);
  line("sequenceDiagram");
  std::vector<std::string> names;
  for (std::size_t n = 0; n < groups.size() && n < kMostLadders; ++n) {
    const CallRecord& call = record.calls[groups[n]];
    const Ladder ladder = ladder_of(record, groups[n]);
    std::vector<std::size_t> ids;
    for (const std::string& name : ladder.columns) {
      const auto at = std::ranges::find(names, name);
      ids.push_back(static_cast<std::size_t>(at - names.begin()));
      if (at != names.end()) continue;
      names.push_back(name);
      line(fmt::format("  participant p{} as {}", names.size() - 1, harmless(name)));
    }
    if (ids.empty()) continue;
    line(fmt::format("  Note over p{}: {} {} to {}", ids.front(), harmless(format_utc(call.begin().time, 3)),
                     harmless(record.caller_of(call)), harmless(record.callee_of(call))));
    for (const Ladder::Rung& rung : ladder.rungs) {
      line(fmt::format("  p{}{}p{}: {}", ids[rung.from], rung.failure ? "-x" : "->>", ids[rung.to],
                       harmless(rung.label)));
    }
  }
}

}  // namespace voip::analyze::timeline
