#pragma once

#include <set>
#include <string>

#include "analyze/srtp/findings.h"
#include "analyze/srtp/key_exchanges.h"

// The checks of key exchanges, in groups; each adds findings and tallies its subjects.
namespace voip::analyze::srtp {

// Entities already told of in this call: RTP and RTCP have a handshake each, and one finding.
using Told = std::set<std::string>;

// SRTP-040 to 043 of one handshake. call: null without one. media: RTP is meant to flow here.
enum class Carries : std::uint8_t { kMedia, kData, kUnknown };
void check_handshake(Findings& out, const session::Call* call, const session::KeyingFlow& flow,
                     const DtlsHandshake& handshake, Carries carries, Told& told);
Endpoint client_of(const session::KeyingFlow& flow, const DtlsHandshake& handshake);
Endpoint server_of(const session::KeyingFlow& flow, const DtlsHandshake& handshake);
// "ClientHello, ServerHello, fatal alert handshake_failure": what was seen of it.
std::string handshake_story(const DtlsHandshake& handshake);

// SRTP-037, 039 (who sends the ClientHello) to 043, 045, 046.
void check_dtls(Findings& out, const CallExchanges& call, const CallRecord& record);
// SRTP-045 of media on a pair whose call is not known.
void check_orphan_dtls(Findings& out, const StreamRecord& stream, const session::KeyingFlow& flow,
                       const ExchangeState& state);

// SRTP-036, 038, 039 (what was signalled), 044, 054, 055.
void check_keying_lines(Findings& out, const CallExchanges& call, const CallRecord& record,
                        const std::vector<std::string>& mky);

// SRTP-048 to 053.
void check_zrtp(Findings& out, const CallExchanges& call, const CallRecord& record);

}  // namespace voip::analyze::srtp
