#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "analyze/srtp/srtp_story.h"
#include "support/capture_run.h"

using voip::report::Severity;
using voip::test::Told;

namespace {

Told run(const std::string& name, voip::analyze::srtp::Options options = {}) {
  voip::report::Collector collector{voip::analyze::srtp::kRules};
  voip::analyze::srtp::SrtpAnalyzer analyzer(options, collector);
  (void)voip::test::run({voip::test::testdata(name)}, analyzer);
  (void)analyzer.finish();
  return voip::test::told(collector);
}

struct Case {
  const char* capture;
  std::vector<const char*> must;
  std::vector<const char*> may_not;
};

// From the stories of the captures (testdata/README.md, testdata/srtp/README.md).
const std::vector<Case> kCases{
    {"srtp/sdes-early-clear.pcap", {"SRTP-011", "SRTP-059"}, {"SRTP-004", "SRTP-028"}},
    {"calls/early-media.pcap", {}, {"SRTP-011", "SRTP-059"}},
    {"srtp/zrtp-linphone.pcap", {"SRTP-011"}, {"SRTP-004"}},
    {"srtp/sdes-null-80.pcap", {"SRTP-012"}, {"SRTP-013", "SRTP-004"}},
    {"calls/suite-cm32.pcap", {"SRTP-013"}, {"SRTP-012", "SRTP-014", "SRTP-015"}},
    {"srtp/sdes-f8.pcap", {"SRTP-014"}, {"SRTP-013"}},
    {"srtp/sdes-unknown-suite.pcap", {"SRTP-014"}, {}},
    {"srtp/sdes-weaker-choice.pcap", {"SRTP-016"}, {}},
    {"srtp/sdes-cm128-32.pcap", {}, {"SRTP-016"}},
    {"srtp/sdes-unencrypted-srtp.pcap", {"SRTP-017"}, {"SRTP-018", "SRTP-019", "SRTP-004"}},
    {"srtp/sdes-unencrypted-srtcp.pcap", {"SRTP-018"}, {"SRTP-017", "SRTP-019"}},
    {"srtp/sdes-unauthenticated-srtp.pcap", {"SRTP-019"}, {"SRTP-017", "SRTP-018", "SRTP-028"}},
    {"srtp/sdes-key-reuse.pcap", {"SRTP-020"}, {"SRTP-022"}},
    {"srtp/sdes-two-time-pad.pcap", {"SRTP-020", "SRTP-022"}, {"SRTP-030"}},
    {"calls/key-reuse-pad.pcap", {"SRTP-020", "SRTP-022"}, {}},
    {"srtp/sdes-reinvite-same-key.pcap", {}, {"SRTP-020", "SRTP-022", "SRTP-030", "SRTP-028"}},
    {"srtp/bridge-sdes-passed.pcap", {}, {"SRTP-022", "SRTP-064", "SRTP-056"}},
    {"srtp/sdes-same-key-both-ways.pcap", {"SRTP-021"}, {"SRTP-022"}},
    {"srtp/sdes-weak-keys.pcap", {"SRTP-023"}, {}},
    {"srtp/sdes-key-too-short.pcap", {"SRTP-024"}, {"SRTP-023"}},
    {"srtp/sdes-bad-base64.pcap", {"SRTP-024"}, {}},
    {"calls/sdes-mki-missing.pcap", {"SRTP-025"}, {"SRTP-028"}},
    {"calls/sdes-mki.pcap", {}, {"SRTP-025", "SRTP-028"}},
    {"srtp/sdes-gcm128-mki4.pcap", {}, {"SRTP-025"}},
    {"srtp/sdes-lifetime.pcap", {"SRTP-026"}, {}},
    {"srtp/sdes-tag-errors.pcap", {"SRTP-027"}, {}},
    {"srtp/sdes-replayed.pcap", {"SRTP-029"}, {"SRTP-030", "SRTP-028"}},
    {"srtp/sdes-mirrored.pcap", {}, {"SRTP-029", "SRTP-030"}},
    {"calls/duplicated-routed.pcap", {}, {"SRTP-029"}},
    {"srtp/sdes-seq-wrap.pcap", {}, {"SRTP-029", "SRTP-030"}},
    {"srtp/sdes-rekey-reinvite.pcap", {}, {"SRTP-030", "SRTP-028", "SRTP-020"}},
    {"calls/sdes-udp-pcmu.pcap", {"SRTP-032"}, {"SRTP-033", "SRTP-035"}},
    {"srtp/sdes-audio-level.pcap", {"SRTP-033"}, {"SRTP-034"}},
    {"calls/plain-dtmf.pcap", {"SRTP-035"}, {}},
    {"calls/sdes-dtmf.pcap", {}, {"SRTP-035"}},
    {"calls/third-party-rtp.pcap", {"SRTP-056", "SRTP-057", "SRTP-058"}, {"SRTP-060"}},
    {"calls/nat-media.pcap", {}, {"SRTP-056", "SRTP-057", "SRTP-058", "SRTP-060"}},
    {"calls/fork.pcap", {}, {"SRTP-056", "SRTP-057", "SRTP-058", "SRTP-064"}},
    {"srtp/sdes-video-clear.pcap", {"SRTP-061"}, {}},
    {"srtp/dtls-altered-by-relay.pcap", {"SRTP-064"}, {}},
    {"srtp/dtls-stripped-by-relay.pcap", {"SRTP-064"}, {}},
    {"srtp/zrtp-hash-removed.pcap", {"SRTP-064"}, {}},
    {"srtp/bridge-dtls-sdes.pcap", {}, {"SRTP-064"}},
};

}  // namespace

TEST_CASE("each rule speaks of its capture and is silent about its neighbour", "[srtp]") {
  for (const Case& one : kCases) {
    INFO(one.capture);
    const Told told = run(one.capture);
    for (const char* id : one.must) {
      INFO(id << " should speak");
      CHECK(told.has(id));
    }
    for (const char* id : one.may_not) {
      INFO(id << " should be silent: " << told.message(id));
      // What is only worth a note is no accusation.
      CHECK((!told.has(id) || told.severity(id) == Severity::kInfo));
    }
  }
}

TEST_CASE("a clean SDES call over TLS-like conditions has nothing of high severity but the key in clear", "[srtp]") {
  for (const char* name : {"srtp/sdes-cm128-80.pcap", "srtp/sdes-gcm256.pcap", "srtp/sdes-mki4.pcap",
                           "srtp/sdes-linphone-opus.pcap", "srtp/sdes-baresip.pcap"}) {
    INFO(name);
    const Told told = run(name);
    for (const auto& [id, findings] : told.findings) {
      INFO(id << ": " << findings.front().second);
      CHECK((id == "SRTP-002" || findings.front().first < Severity::kHigh));
    }
  }
}

TEST_CASE("packets from before the key was signalled are verified once it is known", "[srtp]") {
  const Told told = run("srtp/sdes-late-roc3.pcap");
  CHECK_FALSE(told.has("SRTP-028"));
  CHECK(told.tally("SRTP-028", voip::report::Verdict::kPass) == 2);
}

TEST_CASE("a repeated keystream makes the reuse of its key critical, reuse alone does not", "[srtp]") {
  CHECK(run("srtp/sdes-two-time-pad.pcap").severity("SRTP-020") == Severity::kCritical);
  CHECK(run("calls/key-reuse-pad.pcap").severity("SRTP-020") == Severity::kCritical);
  CHECK(run("srtp/sdes-key-reuse.pcap").severity("SRTP-020") == Severity::kHigh);
}

TEST_CASE("a key that needs padding and has none is only noted", "[srtp]") {
  const Told told = run("srtp/sdes-no-padding.pcap");
  CHECK(told.severity("SRTP-024") == Severity::kInfo);
}

TEST_CASE("The gate --require names each call that falls short and no other", "[srtp]") {
  using voip::analyze::srtp::Requirement;
  voip::analyze::srtp::Options srtp;
  srtp.require = Requirement::kSrtp;
  CHECK(run("srtp/sdes-osrtp.pcap", srtp).count("SRTP-100") == 1);
  CHECK_FALSE(run("srtp/sdes-cm128-80.pcap", srtp).has("SRTP-100"));
  CHECK(run("calls/orphan-rtp.pcap", srtp).count("SRTP-100") == 2);
  voip::analyze::srtp::Options proven;
  proven.require = Requirement::kSrtpProven;
  CHECK_FALSE(run("srtp/sdes-cm128-80.pcap", proven).has("SRTP-100"));
  CHECK(run("srtp/zrtp-linphone.pcap", proven).has("SRTP-100"));
  voip::analyze::srtp::Options dtls;
  dtls.require = Requirement::kDtlsSrtp;
  CHECK(run("srtp/sdes-cm128-80.pcap", dtls).has("SRTP-100"));
  CHECK_FALSE(run("srtp/dtls-cm80-mux.pcap", dtls).has("SRTP-100"));
  CHECK_FALSE(run("calls/plain-pcmu.pcap").has("SRTP-100"));
}

TEST_CASE("thresholds of suites are the user's", "[srtp]") {
  voip::analyze::srtp::Options strict;
  strict.min_key_bits = 256;
  CHECK(run("srtp/sdes-cm128-80.pcap", strict).has("SRTP-015"));
  CHECK_FALSE(run("srtp/sdes-cm256-80.pcap", strict).has("SRTP-015"));
  voip::analyze::srtp::Options lax;
  lax.min_tag_bits = 32;
  CHECK_FALSE(run("calls/suite-cm32.pcap", lax).has("SRTP-013"));
}

TEST_CASE("digits are masked until they are asked for", "[srtp]") {
  CHECK(run("calls/plain-dtmf.pcap").message("SRTP-035").find("4711#") == std::string::npos);
  voip::analyze::srtp::Options reveal;
  reveal.reveal = true;
  CHECK(run("calls/plain-dtmf.pcap", reveal).message("SRTP-035").find("4711#") != std::string::npos);
}

TEST_CASE("without verification no tag counts, a sample counts fewer and still finds the key", "[srtp]") {
  voip::analyze::srtp::Options none;
  none.verify = voip::analyze::srtp::Verify::kNone;
  CHECK_FALSE(run("srtp/sdes-tampered.pcap", none).has("SRTP-028"));
  voip::analyze::srtp::Options sample;
  sample.verify = voip::analyze::srtp::Verify::kSample;
  sample.require = voip::analyze::srtp::Requirement::kSrtpProven;
  CHECK_FALSE(run("srtp/sdes-cm128-80.pcap", sample).has("SRTP-100"));
}

TEST_CASE("media that no SDP names is verified with the keys that the capture shows", "[srtp]") {
  voip::analyze::srtp::Options proven;
  proven.require = voip::analyze::srtp::Requirement::kSrtpProven;
  CHECK_FALSE(run("srtp/sdes-media-elsewhere.pcap.gz", proven).has("SRTP-100"));
  CHECK(run("calls/orphan-srtp.pcap", proven).has("SRTP-100"));
}
