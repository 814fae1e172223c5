#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "analyze/stir/across.h"
#include "analyze/stir/judge.h"
#include "analyze/stir/rules.h"
#include "base/text.h"
#include "numbering/destinations.h"
#include "proto/sip/fields.h"

namespace voip::analyze::stir {

using namespace rules;  // NOLINT: constants of this room

namespace {

using report::Confidence;
using report::Severity;
using report::Verdict;

constexpr std::size_t kLargestDatagram = 1300;
constexpr std::chrono::seconds kTransactionTime{32};  // RFC 3261: 64 x T1
constexpr std::size_t kTelephoneDigits = 7;           // fewer are an extension or a service

// NPA-NXX-XXXX without country code: no area code or exchange begins with 0 or 1, and N11 are services.
bool possible_north_american(std::string_view number) {
  if (number.size() != 11 || number[0] != '1') return false;
  const std::string_view area = number.substr(1, 3);
  const std::string_view exchange = number.substr(4, 3);
  return area[0] >= '2' && exchange[0] >= '2' && !(area[1] == '1' && area[2] == '1') &&
         !(exchange[1] == '1' && exchange[2] == '1' && area[0] != '8');
}

// Why nobody can have the right to the number; empty when somebody may.
std::string unusable(std::string_view number, const Options& options) {
  if (number == "911" || number == "112" || number == "999") return "an emergency code";
  if (number.find_first_not_of("0123456789") != std::string_view::npos) return "no telephone number";
  if (number.starts_with('0')) return "no number with a country code";
  if (number.starts_with('1') && !possible_north_american(number)) return "no possible North American number";
  if (number.size() < 7 || number.size() > 15) return "no possible number";
  const numbering::Destination* place = numbering::Destinations::built_in().find(number);
  if (place == nullptr || place->unassigned()) return "of no country: its code is not assigned";
  return options.do_not_originate.contains(number) ? "on the do-not-originate list" : std::string{};
}

std::string entity_of(const CallRecord& call) { return call.call_id.value_or("token"); }

}  // namespace

void check_request_as_a_whole(Findings& findings, CallRecord& call, const Request& request, std::size_t first) {
  if (request.identity_cut) {
    findings.add(kTooLarge, "the capture ends inside the Identity header: it can't be verified", &call,
                 entity_of(call) + "/cut", {{.frame = request.frame, .note = "cut"}});
  }
  if (request.identities.empty()) return;
  const std::vector<report::Evidence> here{{.frame = request.frame, .note = "Identity"}};
  std::vector<const IdentityRecord*> added;
  for (std::size_t i = first; i < call.identities.size(); ++i) added.push_back(&call.identities[i]);

  // STIR-002
  const IdentityRecord* shaken = nullptr;
  std::size_t plain = 0;
  bool contradiction = false;
  for (const IdentityRecord* identity : added) {
    if (identity->ppt == "shaken") {
      contradiction |=
          shaken != nullptr && (shaken->attest != identity->attest || shaken->signer_number != identity->signer_number);
      if (shaken == nullptr) shaken = identity;
    }
    if (identity->ppt.empty() || identity->ppt == "shaken") ++plain;
  }
  if (plain > 1) {
    std::string list;
    for (const IdentityRecord* identity : added) {
      list += fmt::format("{}{} by {}", list.empty() ? "" : ", ", identity->ppt.empty() ? "base" : identity->ppt,
                          clip(identity->x5u, 60));
      if (list.size() > 300) break;
    }
    findings.add(kSeveralIdentities, fmt::format("{} PASSporTs in one request: {}", added.size(), list), &call,
                 entity_of(call), here, contradiction ? std::optional(Severity::kHigh) : std::nullopt);
  } else {
    findings.tally(kSeveralIdentities, Verdict::kPass);
  }

  // STIR-010
  if (!added.empty() && std::ranges::none_of(added, [](const IdentityRecord* one) { return one->ppt_known; })) {
    findings.add(kUnsupportedOnly, fmt::format("no PASSporT of a known type: {}", clip(added.front()->ppt)), &call,
                 entity_of(call), here);
  } else {
    findings.tally(kUnsupportedOnly, Verdict::kPass);
  }

  // STIR-037
  const bool diverted =
      std::ranges::any_of(added, [](const IdentityRecord* one) { return one->ppt == "div" || one->ppt == "div-o"; });
  if (request.retargeted && !diverted && !added.empty() && !request.target.number.empty()) {
    const bool meant = std::ranges::any_of(added.front()->dest, [&](const passport::Party& party) {
      return party.tn == request.target.number || party.tn == "+" + request.target.number;
    });
    if (!meant && !added.front()->dest.empty()) {
      findings.add(kRetargetNoDiv,
                   fmt::format("the call was retargeted to {}, the token was made for {}, and no div PASSporT tells",
                               request.target.number, clip(added.front()->dest.front().text())),
                   &call, entity_of(call), here);
    } else {
      findings.tally(kRetargetNoDiv, Verdict::kPass);
    }
  } else {
    findings.tally(kRetargetNoDiv, request.retargeted ? Verdict::kPass : Verdict::kNotApplicable);
  }

  // STIR-039, the half that no token tells
  const bool priority = std::ranges::any_of(request.resource_priority, [](const std::string& one) {
    return one.starts_with("ets.") || one.starts_with("wps.") || one.starts_with("esnet.");
  });
  if (priority && std::ranges::none_of(added, [](const IdentityRecord* one) { return one->ppt == "rph"; })) {
    findings.add(kRph,
                 fmt::format("Resource-Priority has {}, and no rph PASSporT", clip(request.resource_priority.front())),
                 &call, entity_of(call), here);
  }

  // STIR-044
  for (const IdentityRecord* identity : added) {
    if (identity->ppt != "shaken" || identity->attest != "A" || identity->signer_number.empty()) continue;
    const std::string& number = identity->signer_number;
    if (const std::string why = unusable(number, findings.options()); !why.empty()) {
      findings.add(kUnusableNumber, fmt::format("{} has attestation A and is {}", number, why), &call, number, here);
    } else {
      findings.tally(kUnusableNumber, Verdict::kPass);
    }
  }

  // STIR-053
  if (request.over_udp && request.bytes > kLargestDatagram) {
    findings.add(kTooLarge, fmt::format("{} with Identity has {} bytes over UDP", request.method_text, request.bytes),
                 &call, entity_of(call) + "/size", here);
  } else {
    findings.tally(kTooLarge, request.over_udp ? Verdict::kPass : Verdict::kNotApplicable);
  }

  // STIR-054
  const bool number_inside =
      std::ranges::any_of(added, [](const IdentityRecord* one) { return !one->signer_number.empty(); });
  if (request.private_caller && number_inside) {
    const policy::Site& site = findings.options().site;
    const bool trust_given = !site.peers.networks.empty();
    const bool trusted = trust_given && site.peers.networks.contains(request.dst.address);
    findings.add(kAnonymous,
                 fmt::format("the caller asks for privacy, and the PASSporT sent to {} holds the number",
                             request.dst.to_string()),
                 &call, entity_of(call), here, trust_given && !trusted ? std::optional(Severity::kHigh) : std::nullopt);
  } else {
    findings.tally(kAnonymous, request.private_caller ? Verdict::kPass : Verdict::kNotApplicable);
  }
}

namespace {

// Call-ID and token of a call, taken by somebody that the call never went through, for another caller and another
// called number. Borders number both ends anew, but never both into other telephone numbers.
void check_taken(Findings& findings, const CallRecord& call, const dissect::SipEvent& event) {
  const bool on_its_way = std::ranges::any_of(call.hops, [&](const auto& hop) {
    return &hop != &call.hops.back() &&
           (hop.first.address == event.src.address || hop.second.address == event.src.address);
  });
  if (on_its_way || event.truncated || !sip::tag_of(event.message->to).empty()) return;
  const std::string& country = findings.options().country_code;
  Address caller = read_address(event.message->header(sip::HeaderId::kPAssertedIdentity), country);
  if (caller.number.empty()) caller = read_address(event.message->from, country);
  const Address called = read_address(event.message->to, country);
  const auto other = [](const std::string& is, const std::string& was) {
    return is.size() >= kTelephoneDigits && was.size() >= kTelephoneDigits && is != was;
  };
  if (!other(caller.number, call.from_number) || !other(called.number, call.to_number)) return;
  findings.add(kReplay,
               fmt::format("{} sends the token and the Call-ID of this call for {} > {}, the call is {} > {}",
                           event.src.to_string(), caller.number, called.number, call.from_number, call.to_number),
               &call, fmt::format("{}/taken/{}", entity_of(call), event.src.to_string()),
               {{.frame = event.frame, .note = "used again"}, {.frame = call.frame, .note = "first use"}}, {},
               Confidence::kProbable);
}

bool long_after(const CallRecord& call, const dissect::SipEvent& event) {
  return later_by(call.frame.time, event.frame.time, kTransactionTime);
}

}  // namespace

bool tried_anew(const CallRecord& call, const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  if (event.truncated || call.in_dialog || !sip::tag_of(message.to).empty()) return false;
  if (event.dst.address != call.dst.address) return false;
  const bool sent_on =
      std::ranges::any_of(call.hops, [&](const auto& hop) { return hop.second.address == event.src.address; });
  if (sent_on) return false;
  if (event.src.address == call.src.address) return long_after(call, event) || message.cseq_number != call.cseq;
  return long_after(call, event) && text_key(message.request_uri) == call.target;
}

void check_sent_again(Findings& findings, const CallRecord& call, const dissect::SipEvent& event) {
  if (event.src.address == call.src.address) return;
  findings.add(
      kReplay,
      fmt::format("{} sends the request of this call again {:.0f} s later, which {} had made", event.src.to_string(),
                  seconds_between(call.frame.time, event.frame.time), call.src.to_string()),
      &call, fmt::format("{}/again/{}", entity_of(call), event.src.address.to_string()),
      {{.frame = event.frame, .note = "used again"}, {.frame = call.frame, .note = "first use"}}, {},
      Confidence::kProbable);
}

void check_next_hop(Findings& findings, CallRecord& call, const dissect::SipEvent& event, Carried carried) {
  if (call.hops.size() < 2 || call.identities.empty()) return;
  if (carried == Carried::kSame) return check_taken(findings, call, event);
  // A later request inside the dialog has no reason to carry it.
  if (!sip::tag_of(event.message->to).empty() || event.truncated) return;
  const bool from_where_it_came =
      std::ranges::any_of(call.hops, [&](const auto& hop) { return hop.second.address == event.src.address; });
  if (!from_where_it_came || call.lost_identity) return;
  // Towards a subscriber's device it may be dropped: those sit on private addresses, or are not to be told from peers.
  if (event.dst.address.is_private()) return;
  call.lost_identity = true;
  findings.add(
      kIdentityLost,
      fmt::format("{} received the request with Identity and sent it on to {} {}", event.src.address.to_string(),
                  event.dst.to_string(), carried == Carried::kNothing ? "without" : "with another one"),
      &call, fmt::format("{}>{}", event.src.address.to_string(), event.dst.address.to_string()),
      {{.frame = event.frame, .note = carried == Carried::kNothing ? "no Identity" : "another Identity"},
       {.frame = call.frame, .note = "Identity"}},
      {}, Confidence::kProbable);
}

}  // namespace voip::analyze::stir
