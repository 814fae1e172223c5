#include "pipeline/pipeline.h"

#include "dissect/dissector.h"

namespace voip::pipeline {

namespace {

// net's output into dissect, dissect's into session.
class Glue final : public net::Handler {
 public:
  Glue(dissect::Dissector& dissector, session::Tracker& tracker) : dissector_(dissector), tracker_(tracker) {}
  void on_datagram(const net::Datagram& datagram) override { dissector_.on_datagram(datagram, tracker_); }
  void on_stream(const net::StreamChunk& chunk) override { dissector_.on_stream(chunk, tracker_); }
  void on_stream_end(std::uint64_t connection) override { dissector_.on_stream_end(connection, tracker_); }

 private:
  dissect::Dissector& dissector_;
  session::Tracker& tracker_;
};

void add_all(const Diagnostics& diagnostics, std::map<std::string, std::uint64_t>& to) {
  for (const auto& [name, entry] : diagnostics.entries()) to[name] += entry.count;
}

constexpr std::uint64_t kProgressMask = 0xffff;

}  // namespace

Totals run(capture::PacketSource& source, const Options& options, session::Observer& observer) {
  net::Stack stack(options.limits, options.stack);
  dissect::Dissector dissector(options.limits);
  session::Tracker tracker(options.limits, options.tracker, observer);
  Glue glue(dissector, tracker);
  if (!options.key_log.empty()) dissector.add_key_log(options.key_log);
  // A text that is no key opens nothing: those flows stay counted as opaque.
  for (const std::string& key : options.tls_keys) [[maybe_unused]] const Status added = dissector.add_rsa_key(key);

  capture::Packet packet;
  std::size_t secrets_used = 0;
  std::uint64_t packets = 0;
  while (source.next(packet)) {
    for (; secrets_used < source.secrets().size(); ++secrets_used) {
      const capture::Secrets& secrets = source.secrets()[secrets_used];
      constexpr std::uint32_t kTlsKeyLog = 0x544c534b;
      if (secrets.type == kTlsKeyLog) dissector.add_key_log(secrets.text);
    }
    stack.feed(packet, glue);
    if ((++packets & kProgressMask) == 0 && options.on_progress) options.on_progress(packets);
  }
  stack.finish(glue);
  dissector.finish(tracker);
  tracker.finish();

  Totals totals;
  const net::StackCounters& net = stack.counters();
  totals.packets = net.packets;
  totals.bytes = net.bytes;
  totals.duplicates = net.duplicates;
  totals.hep_messages = net.hep_messages;
  totals.snapped_packets = net.snapped;
  totals.tcp_gaps = net.tcp_gaps;
  totals.fragments_unfinished = net.fragments_unfinished;
  const dissect::DissectCounters& dissected = dissector.counters();
  totals.tls_flows = dissected.tls_flows;
  totals.tls_flows_opaque = dissected.tls_flows_opaque;
  const session::TrackerCounters& sessions = tracker.counters();
  totals.sip_messages = sessions.sip_messages;
  totals.sip_copies = sessions.sip_copies;
  totals.rtp_packets = sessions.rtp_packets;
  totals.rtcp_packets = sessions.rtcp_packets;
  totals.calls = sessions.calls;
  totals.streams = sessions.streams;
  add_all(stack.diagnostics(), totals.undecoded);
  add_all(dissector.diagnostics(), totals.undecoded);
  add_all(tracker.diagnostics(), totals.undecoded);
  totals.evicted = sessions.evicted;
  if (net.evicted_fragments != 0) totals.evicted["fragments"] = net.evicted_fragments;
  if (net.evicted_connections != 0) totals.evicted["tcp-connections"] = net.evicted_connections;
  if (dissected.evicted_streams != 0) totals.evicted["stream-buffers"] = dissected.evicted_streams;
  return totals;
}

}  // namespace voip::pipeline
