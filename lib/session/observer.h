#pragma once

#include "dissect/events.h"
#include "session/call.h"
#include "session/media.h"
#include "session/registration.h"
#include "session/transaction.h"

namespace voip::session {

// Upstream of every analyzer. Override what is needed. Views and references last until the call returns.
class Observer {
 public:
  virtual ~Observer() = default;
  // Each SIP message, copies left out; call is null when the message belongs to none.
  virtual void on_message(const dissect::SipEvent&, const Call*) {}
  // A copy that was left out: another place (agent, tap, the wire) showed the same message before.
  virtual void on_copy(const dissect::SipEvent&) {}
  // Whether the two hooks below are wanted; asked once, before the first packet. Pairing costs time.
  virtual bool wants_transactions() const { return false; }
  // Each request with its answers, hop by hop, when it is over. Comes after on_message of the message that ended it.
  virtual void on_transaction(const Transaction&) {}
  // What an accepted REGISTER did to a binding. Comes right after its on_transaction.
  virtual void on_registration(const RegistrationChange&) {}
  // An answer arrived (or changed). dialog.exchanges[index] is complete.
  virtual void on_offer_answer(const Call&, const DialogLeg&, std::size_t) {}
  // Each RTP or SRTP packet; the stream may still be on probation (stream.proven).
  virtual void on_rtp(MediaStream&, const dissect::MediaEvent&) {}
  virtual void on_rtcp(RtcpFlow&, const dissect::MediaEvent&) {}
  // DTLS, ZRTP and STUN on sockets that may carry media.
  virtual void on_keying(KeyingFlow&, const dissect::MediaEvent&) {}
  virtual void on_tls(const dissect::TlsFlow&) {}
  // A TCP client that speaks something else.
  virtual void on_other_stream(const dissect::OtherStream&) {}
  // The call is over for good and leaves memory after this; its streams are in call.streams.
  virtual void on_call_end(Call&) {}
  // A stream that no call claimed, over for good. rtcp: the flows of the same SSRC or sockets, may be empty.
  virtual void on_orphan_end(MediaStream&, const std::vector<RtcpFlow*>&) {}
};

}  // namespace voip::session
