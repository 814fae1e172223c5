#pragma once

#include "base/bytes.h"
#include "base/endpoint.h"
#include "net/datagram.h"
#include "net/layer.h"

namespace voip::net {

// A protocol unit that Wireshark exported (LINKTYPE_WIRESHARK_UPPER_PDU): tags, then the bytes of the unit.
struct ExportedPdu {
  Layer layer;  // when the unit is a packet or frame, or, with a reason, when it can't be read
  Endpoint src;
  Endpoint dst;
  Transport transport = Transport::kUdp;
  ByteView payload;
};

ExportedPdu read_exported_pdu(ByteView frame);

}  // namespace voip::net
