#include "cli/run.h"

#include <fmt/format.h>

#include "pipeline/pipeline.h"

namespace voip::cli {

report::Coverage run_pipeline(const RunContext& context, session::Observer& analyzer, net::HepClock clock) {
  pipeline::Options options;
  options.limits = limits_for(context.options);
  options.stack.keep_duplicates = context.options.source.keep_duplicates;
  options.stack.hep_clock = std::move(clock);
  options.tracker.call_ids = context.options.call_ids;
  for (const std::string& log : context.key_logs) {
    options.key_log += log;
    options.key_log += '\n';
  }
  options.tls_keys = context.tls_keys;
  options.on_progress = context.on_progress;
  const pipeline::Totals totals = pipeline::run(context.source, options, analyzer);

  report::Coverage coverage;
  coverage.packets = totals.packets;
  coverage.bytes = totals.bytes;
  coverage.duplicates = totals.duplicates;
  coverage.sip_messages = totals.sip_messages;
  coverage.rtp_packets = totals.rtp_packets;
  coverage.rtcp_packets = totals.rtcp_packets;
  coverage.hep_messages = totals.hep_messages;
  coverage.undecoded = totals.undecoded;
  coverage.snapped_packets = totals.snapped_packets;
  coverage.tcp_gaps = totals.tcp_gaps;
  coverage.tls_flows_opaque = totals.tls_flows_opaque;
  coverage.evicted = totals.evicted;
  coverage.complete = totals.evicted.empty();
  if (totals.tls_flows_opaque != 0) {
    coverage.notes.push_back(
        fmt::format("{} of {} TLS flows could not be opened: the signalling in them was not seen (--keylog FILE)",
                    totals.tls_flows_opaque, totals.tls_flows));
  }
  if (!context.options.call_ids.empty() && totals.calls == 0) {
    coverage.notes.emplace_back("no call with the Call-ID of --call-id was seen");
  } else if (totals.packets != 0 && totals.sip_messages == 0 && totals.rtp_packets == 0 &&
             totals.tls_flows_opaque == 0) {
    coverage.notes.push_back(
        fmt::format("neither SIP nor RTP was recognised in {} packets: is this the right capture?", totals.packets));
  }
  if (totals.fragments_unfinished != 0) {
    coverage.notes.push_back(fmt::format("{} fragmented datagrams never became whole", totals.fragments_unfinished));
  }
  if (totals.sip_copies != 0) {
    coverage.notes.push_back(
        fmt::format("{} SIP messages were seen at more than one place (wire, HEP agents, taps), and counted once",
                    totals.sip_copies));
  }
  return coverage;
}

void keep_until_exit(std::shared_ptr<const void> object) {
  static auto& kept = *new std::vector<std::shared_ptr<const void>>;  // never destroyed: that is the point
  kept.push_back(std::move(object));
}

}  // namespace voip::cli
