#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <memory>

#include "analyze/srtp/srtp_analyzer.h"
#include "cli/run.h"
#include "cli/tool.h"

namespace {

using namespace voip;
using analyze::srtp::Requirement;
using analyze::srtp::Verify;

// What stands on the command line; what does not comes from the policy.
struct Arguments {
  std::string require;
  std::string verify = "all";
  CLI::Option* max_roc_option = nullptr;
  CLI::Option* min_tag_option = nullptr;
  CLI::Option* min_key_option = nullptr;
  std::uint32_t max_roc = 8;
  unsigned min_tag_bits = 80;
  unsigned min_key_bits = 128;
};

void add_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--require", arguments.require, "A call that does not meet this is a finding of severity high")
      ->type_name("srtp|srtp-proven|dtls-srtp")
      ->check(CLI::IsMember({"srtp", "srtp-proven", "dtls-srtp"}));
  app.add_option("--verify", arguments.verify, "Which packets' authentication tags to verify (default all)")
      ->type_name("all|sample|none")
      ->check(CLI::IsMember({"all", "sample", "none"}));
  arguments.max_roc_option =
      app.add_option("--max-roc", arguments.max_roc, "Highest rollover counter to try on a stream (default 8)")
          ->type_name("N")
          ->check(CLI::Range(0U, 1024U));
  arguments.min_tag_option =
      app.add_option("--min-tag-bits", arguments.min_tag_bits, "Shortest authentication tag to accept (default 80)")
          ->type_name("BITS")
          ->check(CLI::Range(0U, 128U));
  arguments.min_key_option =
      app.add_option("--min-key-bits", arguments.min_key_bits, "Shortest SRTP key to accept (default 128)")
          ->type_name("BITS")
          ->check(CLI::Range(0U, 256U));
}

analyze::srtp::Options options_for(const Arguments& arguments, const cli::RunContext& context) {
  const auto& limits = context.policy.limits.srtp;
  analyze::srtp::Options options;
  if (arguments.require == "srtp") options.require = Requirement::kSrtp;
  if (arguments.require == "srtp-proven") options.require = Requirement::kSrtpProven;
  if (arguments.require == "dtls-srtp") options.require = Requirement::kDtlsSrtp;
  if (arguments.verify == "sample") options.verify = Verify::kSample;
  if (arguments.verify == "none") options.verify = Verify::kNone;
  const auto chosen = [](const CLI::Option* option, unsigned given, std::uint64_t policy, unsigned most) {
    return option->count() != 0 ? given : static_cast<unsigned>(std::min<std::uint64_t>(policy, most));
  };
  options.max_roc = chosen(arguments.max_roc_option, arguments.max_roc, limits.max_roc_guess, 1024);
  options.min_tag_bits = chosen(arguments.min_tag_option, arguments.min_tag_bits, limits.min_tag_bits, 128);
  options.min_key_bits = chosen(arguments.min_key_option, arguments.min_key_bits, limits.min_key_bits, 256);
  options.min_clear_packets = limits.min_packets;
  options.after_bye =
      std::chrono::seconds{static_cast<std::int64_t>(std::min<std::uint64_t>(limits.after_bye_s, 86400))};
  options.require_aead = limits.require_aead;
  options.allow_osrtp = limits.allow_osrtp;
  options.allow_clear_early = limits.allow_clear_early;
  options.allow_fallback_retry = limits.allow_fallback_retry;
  options.reveal = context.options.reveal;
  options.threads = context.options.threads - std::min(context.options.threads - 1, context.source.reading_threads());
  const policy::Policy& policy = context.policy;
  if (!policy.site.internal.empty())
    options.internal = [&policy](const IpAddress& address) { return policy.site.internal.contains(address); };
  options.clear_agreed = [&policy](const IpAddress& address) {
    return std::ranges::any_of(
        policy.trunks, [&](const policy::Trunk& trunk) { return trunk.clear_media && trunk.hosts.contains(address); });
  };
  options.key_logs = context.key_logs;
  options.more_secrets = [&source = context.source](std::size_t i) -> std::string_view {
    constexpr std::uint32_t kTlsKeyLog = 0x544c534b;
    if (i >= source.secrets().size()) return {};
    const capture::Secrets& secrets = source.secrets()[i];
    return secrets.type != kTlsKeyLog || secrets.text.empty() ? "#" : std::string_view(secrets.text);
  };
  return options;
}

// What -f csv-NAME writes. A column keeps its name and place; new ones come last.
constexpr std::array kTables{
    render::Table{"calls",
                  "call_id,group,from,to,start,end,signalling,frame,media_kind,media_offered,media_negotiated,"
                  "media_profile,media_suite,media_streams_src,media_streams_dst,media_streams_observed,"
                  "media_streams_proof"},
    render::Table{"streams",
                  "call_id,call_group,call_from,call_to,media_kind,media_offered,media_negotiated,media_profile,"
                  "media_suite,ssrc,src,dst,payload_types,codec,packets,first_time,last_time,declared,observed,proof,"
                  "reason,cleartext_packets,auth_checked,auth_valid,rtcp_packets,rtcp_observed"},
};

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  cli::ToolSpec tool;
  tool.name = "srtp-check";
  tool.purpose = "Is the media of each call really encrypted, on every leg, and how was it keyed?";
  tool.rules = analyze::srtp::kRules;
  tool.add_options = [&](CLI::App& app) { add_options(app, arguments); };
  tool.tables = kTables;
  tool.run = [&](const cli::RunContext& context) -> Result<cli::RunOutcome> {
    const auto analyzer =
        std::make_shared<analyze::srtp::SrtpAnalyzer>(options_for(arguments, context), context.findings);
    cli::keep_until_exit(analyzer);
    cli::RunOutcome outcome;
    outcome.coverage = cli::run_pipeline(context, *analyzer);
    if (const std::uint64_t dropped = analyzer->evicted_handshakes(); dropped != 0) {
      outcome.coverage.evicted["dtls-handshakes"] = dropped;
      outcome.coverage.complete = false;
    }
    outcome.content = analyzer->finish();
    cli::keep_until_exit(outcome.content);
    return outcome;
  };
  return cli::run_tool(argc, argv, tool);
}
