#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <iostream>
#include <iterator>

#include "analyze/stir/stir_analyzer.h"
#include "cli/run.h"
#include "cli/tool.h"

namespace {

using namespace voip;

constexpr std::size_t kMaxToken = 1U << 20;

struct Arguments {
  analyze::stir::StorePaths paths;
  std::string country_code = "1";
  std::int64_t freshness_s = 60;
  std::string token;
  bool list_x5u = false;
  CLI::Option* freshness_option = nullptr;
};

Result<std::string> read_token(const std::string& token) {
  if (token != "-") return token;
  std::string text;
  for (std::istreambuf_iterator<char> at(std::cin), end; at != end; ++at) {
    text += *at;
    if (text.size() > kMaxToken) return Error{"--token -: more than 1 MiB"};
  }
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return Error{"--token -: standard input is empty"};
  return text;
}

analyze::stir::Options options_of(const Arguments& arguments, const cli::RunContext& context) {
  analyze::stir::Options options;
  options.freshness_s = arguments.freshness_option->count() != 0
                            ? arguments.freshness_s
                            : static_cast<std::int64_t>(context.policy.limits.stir.max_age_s);
  options.max_future_s = static_cast<std::int64_t>(context.policy.limits.stir.max_future_s);
  options.max_unsigned_pct = context.policy.limits.stir.max_unsigned_pct;
  options.expiry_warn_days =
      static_cast<std::int64_t>(std::min<std::uint64_t>(context.policy.limits.tls.expiry_warn_days, 36500));
  options.relax_x5u = context.policy.limits.stir.relax_x5u;
  options.country_code = arguments.country_code;
  options.at = context.options.at;
  options.max_calls = cli::limits_for(context.options).calls;
  options.site = context.policy.site;
  options.trunks = context.policy.trunks;
  return options;
}

Result<cli::RunOutcome> verify(const Arguments& arguments, const cli::RunContext& context) {
  if (arguments.token == "-" && std::ranges::count(context.options.source.inputs, "-") != 0) {
    return Error{"standard input can be read only once"};
  }
  auto store = analyze::stir::Store::open(arguments.paths);
  if (!store) return store.error();
  analyze::stir::Options options = options_of(arguments, context);
  options.do_not_originate = store->do_not_originate();
  analyze::stir::StirAnalyzer analyzer(options, *store, context.findings);
  cli::RunOutcome outcome;
  outcome.coverage = cli::run_pipeline(context, analyzer);
  if (!arguments.token.empty()) {
    const auto token = read_token(arguments.token);
    if (!token) return token.error();
    const auto input = static_cast<std::uint32_t>(context.source.inputs().size());
    analyzer.add_bare(*token, {.input = input, .number = 1, .time = context.options.at});
    report::Input told;
    told.path = arguments.token == "-" ? "-" : "--token";
    told.format = "passport";
    told.bytes = token->size();
    outcome.more_inputs.push_back(std::move(told));
  }
  outcome.content = analyzer.finish();
  if (arguments.list_x5u) {
    std::string& urls = outcome.plain.emplace();
    for (const std::string& url : analyzer.certificate_urls()) urls += url + "\n";
  }
  if (analyzer.dropped_calls() != 0) outcome.coverage.evicted["stir-calls"] += analyzer.dropped_calls();
  for (const std::string& note : store->notes()) outcome.coverage.notes.push_back(note);
  if (!store->certificates().has_roots()) {
    outcome.coverage.notes.emplace_back(
        "no roots were given (--trust): no certificate can be trusted, nothing is valid");
  }
  if (!store->has_certs()) {
    outcome.coverage.notes.emplace_back("no certificates were given (--certs): no signature can be verified");
  }
  return outcome;
}

Status check(const Arguments& arguments) {
  if (arguments.country_code.empty() || arguments.country_code.size() > 3 ||
      arguments.country_code.find_first_not_of("0123456789") != std::string::npos || arguments.country_code[0] == '0') {
    return Error{"--country-code: one to three digits are wanted, like 1 or 44"};
  }
  if (arguments.freshness_s < 0) return Error{"--freshness: seconds, 0 or more"};
  return Done{};
}

// What -f csv-NAME writes. A column keeps its name and place; new ones come last.
constexpr std::array kTables{
    render::Table{"calls",
                  "call_id,time,frame,method,from,to,verdict,attestation,verstat,responses_code,identities_ppt,"
                  "identities_verdict"},
    render::Table{"identities",
                  "call_id,call_time,call_frame,call_method,call_from,call_to,call_verdict,index,form,ppt,alg,attest,"
                  "origid,iat,orig,dest,x5u,verdict,checks_syntax,checks_ppt,checks_claims,checks_algorithm,"
                  "checks_info,checks_certificate,checks_signature,checks_chain,checks_validity,checks_tnauthlist,"
                  "checks_constraints,checks_policy,checks_revocation,checks_freshness,checks_orig,checks_dest,"
                  "checks_attest,checks_origid,checks_div,checks_rcd,checks_rph,checks_mky,checks_replay,"
                  "certificate_subject,certificate_issuer,certificate_spc,certificate_tn,certificate_not_before,"
                  "certificate_not_after,certificate_sha256"},
    render::Table{"attestation", "spc,issuer,A,B,C,invalid,unverifiable,other"},
};

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  cli::ToolSpec tool;
  tool.name = "stir-verify";
  tool.purpose = "Which calls carry a PASSporT that was valid at the time of the call, and what does it attest?";
  tool.rules = analyze::stir::kRules;
  tool.add_options = [&](CLI::App& app) {
    app.add_option("--certs", arguments.paths.certs, "Certificates: a folder, or a list of URL, tab, file")
        ->type_name("DIR|LIST");
    app.add_option("--trust", arguments.paths.trust, "Roots of the certificate authorities")->type_name("FILE|DIR");
    app.add_option("--crls", arguments.paths.crls, "Revocation lists: a folder, a list of URL, tab, file, or one file")
        ->type_name("DIR|LIST");
    app.add_option("--crl-trust", arguments.paths.crl_trust, "Who signs the revocation lists")->type_name("FILE");
    app.add_option("--content", arguments.paths.content, "What rich call data points to: a folder, or a list")
        ->type_name("DIR|LIST");
    app.add_option("--dno", arguments.paths.dno, "Numbers that nobody calls from, one a line (do not originate)")
        ->type_name("FILE");
    app.add_flag("--p384-authorities", arguments.paths.p384_authorities,
                 "Accept authorities with keys on P-384; signers stay on P-256");
    app.add_option("--country-code", arguments.country_code, "Of numbers without a plus (default 1)")->type_name("CC");
    arguments.freshness_option =
        app.add_option("--freshness", arguments.freshness_s, "Longest age of a token (default 60)")
            ->type_name("SECONDS");
    app.add_option("--token", arguments.token,
                   "Verify this PASSporT or Identity header field; - reads it from standard input")
        ->type_name("TEXT|-");
    app.add_flag("--list-x5u", arguments.list_x5u, "Print the URLs of all certificates that the inputs name");
  };
  tool.check_options = [&] { return check(arguments); };
  tool.runs_without_input = [&] { return !arguments.token.empty(); };
  tool.read_paths = [&] {
    return std::vector<std::string>{arguments.paths.certs,     arguments.paths.trust,   arguments.paths.crls,
                                    arguments.paths.crl_trust, arguments.paths.content, arguments.paths.dno};
  };
  tool.tables = kTables;
  tool.run = [&](const cli::RunContext& context) { return verify(arguments, context); };
  return cli::run_tool(argc, argv, tool);
}
