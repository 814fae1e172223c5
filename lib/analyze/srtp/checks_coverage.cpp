#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "analyze/srtp/checks.h"
#include "analyze/srtp/content.h"
#include "analyze/srtp/stream_record.h"

// SRTP-063: how much was encrypted, and where it was not.
namespace voip::analyze::srtp {

namespace {

constexpr std::size_t kMostTold = 10;
constexpr std::size_t kMostShares = 4096;  // paths told apart

struct Share {
  std::uint64_t calls = 0;  // with media
  std::uint64_t encrypted = 0;
  double clear_seconds = 0;
};
using Shares = std::map<std::string, Share>;

// Seconds and packets of media by verdict.
struct Media {
  FrameRef first;
  std::uint64_t packets = 0;
  std::array<std::uint64_t, 3> packets_by_verdict{};
  std::array<double, 3> seconds{};
  void add(const StreamRecord& stream) {
    const auto verdict = static_cast<std::size_t>(stream.observed);
    if (!first.known() || stream.first < first) first = stream.first;
    packets += stream.packets;
    packets_by_verdict[verdict] += stream.packets;
    seconds[verdict] += seconds_of(stream);
  }
  std::string told() const {
    std::string text = fmt::format("of {} RTP {}", packets, packets == 1 ? "packet" : "packets");
    bool more = false;
    for (const auto& [observed, word] :
         {std::pair{Observed::kEncrypted, "encrypted"}, std::pair{Observed::kCleartext, "clear"},
          std::pair{Observed::kUndetermined, "undetermined"}}) {
      const auto verdict = static_cast<std::size_t>(observed);
      const std::uint64_t of_it = packets_by_verdict[verdict];
      if (of_it == 0) continue;
      text +=
          fmt::format("{} {:.1f} % {} ({:.1f} min)", more ? "," : "",
                      100.0 * static_cast<double>(of_it) / static_cast<double>(packets), word, seconds[verdict] / 60);
      more = true;
    }
    return text;
  }
};

std::string calls_told(const Summary& summary) {
  std::string text;
  if (summary.with_media == 0) {
    text = summary.calls == 0 ? "no call was seen" : "no answered call with media";
  } else {
    text = fmt::format("{} of {} with media fully encrypted", summary.encrypted,
                       summary.with_media == 1 ? "1 call" : fmt::format("{} calls", summary.with_media));
    if (summary.clear != 0) text += fmt::format(", {} with clear media", summary.clear);
    if (summary.undetermined != 0) text += fmt::format(", {} undetermined", summary.undetermined);
  }
  if (summary.unanswered != 0) text += fmt::format(", {} with media but never answered", summary.unanswered);
  return text;
}

class Coverage {
 public:
  void add(const CallRecord& call, std::span<const std::string> vendors) {
    Share share{.calls = 1, .encrypted = 1};
    bool any = false;
    for (const LegRecord& leg : call.legs) {
      for (const MediaRecord& line : leg.media) {
        if (line.streams.empty()) continue;
        any = true;
        Share of_line{.calls = 1, .encrypted = 1};
        for (const StreamRecord& stream : line.streams) {
          media.add(stream);
          if (stream.observed != Observed::kEncrypted) of_line.encrypted = 0;
          if (stream.observed == Observed::kCleartext) of_line.clear_seconds += seconds_of(stream);
        }
        share.encrypted &= of_line.encrypted;
        share.clear_seconds += of_line.clear_seconds;
        ++by_suite_[line.suite.empty() ? std::string(to_string(line.negotiated)) : line.suite];
      }
    }
    if (!any) return;
    for (const LegRecord& leg : call.legs) {
      if (leg.caller_hop != Endpoint{}) count(by_path_, hosts_told(leg), share);
    }
    if (call.vendor != 0) count(by_vendor_, vendors[call.vendor - 1U], share);
  }

  std::string told() const {
    std::string text;
    std::vector<std::pair<std::string, std::uint64_t>> suites(by_suite_.begin(), by_suite_.end());
    std::ranges::stable_sort(suites, std::ranges::greater{}, &std::pair<std::string, std::uint64_t>::second);
    if (suites.size() > kMostTold) suites.resize(kMostTold);
    for (const auto& [suite, lines] : suites)
      text += fmt::format("{}{} {}", text.empty() ? "; media lines by suite: " : ", ", suite, lines);
    return text + table("; calls by make of the caller: ", by_vendor_) + table("; least encrypted paths: ", by_path_);
  }

  Media media;

 private:
  static std::string hosts_told(const LegRecord& leg) {
    return leg.caller_hop.address.to_string() + " to " + leg.callee_hop.address.to_string();
  }
  static void count(Shares& shares, const std::string& name, const Share& share) {
    auto at = shares.find(name);
    if (at == shares.end()) {
      if (shares.size() >= kMostShares) return;
      at = shares.emplace(name, Share{}).first;
    }
    at->second.calls += share.calls;
    at->second.encrypted += share.encrypted;
    at->second.clear_seconds += share.clear_seconds;
  }
  // The worst first.
  static std::string table(std::string_view title, const Shares& shares) {
    std::vector<std::pair<std::string, Share>> rows(shares.begin(), shares.end());
    std::ranges::stable_sort(rows, [](const auto& a, const auto& b) {
      return a.second.calls - a.second.encrypted > b.second.calls - b.second.encrypted;
    });
    std::string text;
    if (rows.size() == 1 && rows.front().second.calls == 1) return text;  // the whole again
    for (std::size_t i = 0; i < rows.size() && i < kMostTold; ++i) {
      const auto& [name, share] = rows[i];
      text += fmt::format("{}{} ({} of {} encrypted", i == 0 ? title : ", ", name, share.encrypted, share.calls);
      text += share.clear_seconds > 0 ? fmt::format(", {:.1f} min clear)", share.clear_seconds / 60) : ")";
    }
    return text;
  }

  std::map<std::string, std::uint64_t> by_suite_;
  Shares by_path_;
  Shares by_vendor_;
};

}  // namespace

void tell_coverage(Findings& out, const CallRecords& calls, const std::vector<StreamRecord>& orphans,
                   std::span<const std::string> vendors) {
  Coverage coverage;
  for (const CallRecord& call : calls) coverage.add(call, vendors);
  for (const StreamRecord& stream : orphans) coverage.media.add(stream);
  const Media& media = coverage.media;
  if (!media.first.known() || media.packets == 0) {
    out.tally(kCoverage, Verdict::kNotApplicable);
    return;
  }
  out.tally(kCoverage, Verdict::kFail);
  out.add(kCoverage, calls_told(summarize(calls, orphans)) + "; " + media.told() + coverage.told(), nullptr, "capture",
          {{media.first, "first media packet"}});
}

}  // namespace voip::analyze::srtp
