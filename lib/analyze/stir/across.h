#pragma once

#include <string>
#include <string_view>
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
// A request that repeats the call's header fields word for word, and was neither sent again by the transaction's timers
// nor sent on by a server that had received it: a new attempt, which has to prove itself at its own time.
bool tried_anew(const CallRecord& call, const dissect::SipEvent& event);
// Such a request from somebody else, when the call's own time had passed.
void check_sent_again(Findings& findings, const CallRecord& call, const dissect::SipEvent& event);
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

// The service provider code of the certificate; empty when it has none, or is not at hand. Several with commas between.
std::string provider_code(const IdentityRecord& identity);
// Whether the policy has a trunk with this number whose codes are all of these: a customer of several providers, or a
// number that is being ported.
bool several_signers_agreed(const Options& options, std::string_view number, const std::vector<std::string>& codes);
// Which of the site's trunks the address belongs to; null when none.
const policy::Trunk* trunk_of(const Options& options, const IpAddress& address);

}  // namespace voip::analyze::stir
