#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "session/transaction.h"

namespace voip::session {

// One contact under which an address of record can be reached.
struct Binding {
  std::string contact;   // scheme, user, host and port
  std::string instance;  // +sip.instance, where given
  std::string reg_id;
  std::string user_agent;  // of the device that registered it; empty when only another's 200 showed it
  std::string path;
  Endpoint source;    // which sent the REGISTER; unknown when only another's 200 showed it
  Timestamp since;    // first seen
  Timestamp expires;  // unknown: nobody said
  FrameRef last;      // the request that last set it
  std::uint64_t refreshes = 0;
  bool push = false;
  bool authenticated = false;  // the request that last set it had credentials
};

// What an accepted REGISTER (its 2xx) did to one binding, on one hop: who looks at both sides of a proxy sees it twice.
struct RegistrationChange {
  enum class Kind : std::uint8_t {
    kAdded,     // a contact that was not there
    kRevealed,  // a contact that nobody was seen to register: it was there before the capture
    kRefreshed,
    kReplaced,  // binding took the place of previous, whose time was not over
    kRemoved,   // by expires=0 or *, or the registrar lists it no longer; previous is what went
    kExpired,   // its time is over; told when the address of record is next seen, or at the end
  };
  Kind kind = Kind::kAdded;
  const std::string* aor = nullptr;  // "user@host", host in lower case; never null
  Endpoint registrar;
  Binding binding;                           // as it is now (kRemoved, kExpired: as it was)
  Binding previous;                          // kReplaced: what went; kRefreshed: as it was before
  std::size_t bindings = 0;                  // that the address of record has now
  const Transaction* transaction = nullptr;  // the REGISTER; null for kExpired
  FrameRef frame;                            // of the request, or of the last one for kExpired
  Timestamp time;                            // when it took effect
};

// "user@host" of a To URI, host in lower case, port and parameters left out.
std::string address_of_record(std::string_view uri);

}  // namespace voip::session
