#pragma once

#include <string>
#include <vector>

#include "analyze/stir/findings.h"
#include "analyze/stir/record.h"
#include "analyze/stir/request.h"
#include "session/observer.h"

namespace voip::analyze::stir {

// What a request shows apart from each of its PASSporTs. first: index of the first identity that it added to the call.
void check_request_as_a_whole(Findings& findings, CallRecord& call, const Request& request, std::size_t first);

// What became of the Identity header fields of the hops before.
enum class Carried : std::uint8_t { kNothing, kOthers, kSame };
// A later request of the same Call-ID on a hop not seen before.
void check_next_hop(Findings& findings, CallRecord& call, const dissect::SipEvent& event, Carried carried);

// Everything that takes more than one call, and each call's verdict. calls: in the order of time.
void compare_calls(Findings& findings, std::vector<CallRecord>& calls);

// The parts of compare_calls.
void check_replays(Findings& findings, std::vector<CallRecord>& calls);
void check_repeats(Findings& findings, const std::vector<CallRecord>& calls);
void check_legs(Findings& findings, std::vector<CallRecord>& calls);
void check_answers(Findings& findings, const std::vector<CallRecord>& calls);
void check_signers(Findings& findings, const std::vector<CallRecord>& calls);
void check_trunks(Findings& findings, const std::vector<CallRecord>& calls);
void summarize_calls(Findings& findings, const std::vector<CallRecord>& calls);

// The service provider code of the certificate; empty when it has none, or is not at hand.
std::string provider_code(const IdentityRecord& identity);
// Which of the site's trunks the address belongs to; null when none.
const policy::Trunk* trunk_of(const Options& options, const IpAddress& address);

}  // namespace voip::analyze::stir
