#pragma once

#include "analyze/srtp/findings.h"

namespace voip::analyze::srtp {

// SRTP-055: each distinct a=key-mgmt:mikey of the call (RFC 3830, RFC 4567).
void check_mikey(Findings& out, const session::Call& call);

}  // namespace voip::analyze::srtp
