// The first byte chooses an analyzer. Then datagrams, each behind a head: source and destination (IPv4 address and
// port), the time since the one before, flags, two bytes of length. What the analyzer says of them is rendered.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "analyze/fraud/fraud_analyzer.h"
#include "analyze/fraud/rules.h"
#include "analyze/srtp/srtp_analyzer.h"
#include "analyze/stir/stir_analyzer.h"
#include "analyze/timeline/timeline_analyzer.h"
#include "base/bytes.h"
#include "dissect/dissector.h"
#include "render/renderer.h"
#include "report/report.h"
#include "session/tracker.h"

namespace {

using namespace voip;

constexpr std::size_t kHead = 16;
constexpr std::uint8_t kTruncated = 1;
constexpr std::uint8_t kRepeated = 2;  // as often as this, each with another digit early in its first line
constexpr unsigned kTimes = 40;

// Small tables, so that they overflow.
Limits limits() {
  Limits limits;
  limits.transactions = 64;
  limits.calls = 16;
  limits.media_streams = 16;
  limits.hops_per_call = 4;
  return limits;
}

Endpoint endpoint(ByteCursor& in) {
  const auto address = in.be<std::uint32_t>();
  return {IpAddress::v4(address), in.be<std::uint16_t>()};
}

// 10 ms, doubled with each step: up to a month.
std::int64_t gap_ns(std::uint8_t code) { return std::int64_t{10} * kNsPerMs << (code % 28); }

void feed(ByteView bytes, session::Observer& observer) {
  dissect::Dissector dissector(limits());
  session::Tracker tracker(limits(), {}, observer);
  FrameRef frame{.input = 0, .number = 0, .time = {std::int64_t{1'700'000'000} * kNsPerSecond}};
  ByteCursor in{bytes};
  while (in.remaining() >= kHead) {
    net::Datagram datagram;
    datagram.src = endpoint(in);
    datagram.dst = endpoint(in);
    frame.time.ns += gap_ns(in.be<std::uint8_t>());
    const auto flags = in.be<std::uint8_t>();
    const std::size_t length = in.be<std::uint16_t>();
    const ByteView payload = in.take(std::min(length, in.remaining()));
    // A copy of its own: a view kept too long is seen.
    std::vector<std::uint8_t> own(payload.begin(), payload.end());
    const unsigned times = (flags & kRepeated) != 0 ? kTimes : 1;
    for (unsigned i = 0; i < times; ++i) {
      if (i != 0 && own.size() > 24) own[12 + i % 8] = static_cast<std::uint8_t>('0' + i % 10);
      frame.time.ns += i == 0 ? 0 : kNsPerMs;
      ++frame.number;
      datagram.payload = own;
      datagram.truncated = (flags & kTruncated) != 0;
      datagram.frame = frame;
      dissector.on_datagram(datagram, tracker);
    }
  }
  dissector.finish(tracker);
  tracker.finish();
}

void tell(report::Collector& collector, const report::Content& content) {
  collector.sort();
  for (const report::Finding& finding : collector.findings()) {
    if (finding.rule == nullptr || finding.evidence.empty() || finding.message.empty()) std::abort();
  }
  report::Report report;
  report.collector = &collector;
  report.content = &content;
  for (const char* format : {"text", "json", "html"}) {
    render::StringOutput out;
    render::find_format(format)->render(report, {}, out);
    if (out.text().empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes{data + 1, size - 1};
  switch (data[0] % 4) {
    case 0: {
      report::Collector collector(analyze::srtp::kRules);
      analyze::srtp::SrtpAnalyzer analyzer({}, collector);
      feed(bytes, analyzer);
      tell(collector, *analyzer.finish());
      break;
    }
    case 1: {
      report::Collector collector(analyze::stir::kRules);
      analyze::stir::Store store;
      analyze::stir::Options options;
      options.max_calls = 8;
      analyze::stir::StirAnalyzer analyzer(options, store, collector);
      feed(bytes, analyzer);
      tell(collector, *analyzer.finish());
      break;
    }
    case 2: {
      report::Collector collector(analyze::fraud::kRules);
      analyze::fraud::FraudAnalyzer analyzer(analyze::fraud::options_from({}, limits()), collector);
      feed(bytes, analyzer);
      tell(collector, *analyzer.finish());
      break;
    }
    default: {
      report::Collector collector(analyze::timeline::kRules);
      analyze::timeline::Options options;
      options.most_steps = 100;
      options.fraud = analyze::fraud::options_from({}, limits());
      analyze::timeline::TimelineAnalyzer analyzer(options, collector);
      feed(bytes, analyzer);
      tell(collector, *analyzer.finish({}));
      break;
    }
  }
  return 0;
}
