#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/timeline/content.h"

namespace voip::analyze::timeline {

// Who speaks with whom in a call and all its legs: the columns of a ladder diagram, and its rungs in order.
struct Ladder {
  struct Rung {
    FrameRef frame{};
    std::size_t from = 0;
    std::size_t to = 0;
    std::string label{};  // "INVITE (SDP)", "200 (SDP)"; only our own words
    bool failure = false;
    bool again = false;
  };
  std::vector<std::string> columns{};
  std::vector<Rung> rungs{};
  std::uint64_t left_out = 0;
};
// leader: index of the group's first call.
Ladder ladder_of(const Record& record, std::size_t leader);
// The leaders of the groups that narrow wants, in order.
std::vector<std::size_t> wanted_groups(const Record& record, const Narrow& narrow);

// One line after another, without its end; may hold untrusted text.
using LineSink = std::function<void(const std::string&)>;
void write_ladders(const TimelineContent& content, const LineSink& line);
// Mermaid's sequenceDiagram; all texts are safe within it.
void write_mermaid(const TimelineContent& content, const LineSink& line);

}  // namespace voip::analyze::timeline
