#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/frame_ref.h"
#include "base/result.h"
#include "base/time.h"

namespace voip::capture {

// LINKTYPE_ values of https://www.tcpdump.org/linktypes.html, as files hold them. kHepFrame is ours: the bytes are one
// HEP message of an archive that has no packets around it.
enum class LinkType : std::uint32_t {
  kNull = 0,
  kEthernet = 1,
  kPpp = 9,
  kRawBsd = 12,
  kRawOpenBsd = 14,
  kPppHdlc = 50,
  kPppoe = 51,
  kRaw = 101,
  kCiscoHdlc = 104,
  kIeee80211 = 105,
  kFrameRelay = 107,
  kLoop = 108,
  kLinuxSll = 113,
  kIeee80211Radiotap = 127,
  kIpv4 = 228,
  kIpv6 = 229,
  kNflog = 239,
  kUpperPdu = 252,
  kLinuxSll2 = 276,
  kHepFrame = 0x1'0000,
};

// One captured frame. The bytes belong to the source and last until its next next().
struct Packet {
  ByteView bytes;                 // as captured; may be cut at the snap length
  std::uint32_t wire_length = 0;  // bytes on the wire; 0 never
  LinkType link = LinkType::kEthernet;
  std::uint32_t interface = 0;  // index within the input
  FrameRef frame;               // frame.time: capture time, unknown for a pcapng Simple Packet Block
  std::uint64_t offset = 0;     // of bytes in the uncompressed input

  bool snapped() const { return bytes.size() < wire_length; }
};

// Decryption secrets of a pcapng block; they apply to the whole input.
struct Secrets {
  std::uint32_t type = 0;  // 0x544c534b: NSS key log text
  std::string text;
  std::uint32_t input = 0;
};

struct InputInfo {
  std::string path;                      // as given by the user; "-" for standard input
  std::string format;                    // pcap, pcapng, hep, hep-dump; "" when it was not recognised
  std::string compression;               // "", gzip, zstd, xz, lz4
  std::uint64_t bytes = 0;               // read from the (compressed) input
  std::uint64_t packets = 0;             // read from it, before filters
  std::uint64_t dropped_by_capture = 0;  // interface statistics: what the capture itself lost
  Timestamp first_time;
  Timestamp last_time;
  bool complete = true;               // false: cut off, damaged, unreadable or over a limit
  bool usable = true;                 // false: nothing could be read (no such file, not a capture)
  std::vector<std::string> problems;  // sentences for people, without the path
  std::optional<std::string> sha256;  // lower-case hex of the file's bytes as stored
};

// Packets are pulled. One source may stand for many files, merged in time order.
class PacketSource {
 public:
  virtual ~PacketSource() = default;
  // False at the end. The packet's bytes last until the next call.
  virtual bool next(Packet& packet) = 0;
  // In the order of FrameRef::input. Grows exact as packets are read; final after next() gave false.
  virtual const std::vector<InputInfo>& inputs() const = 0;
  // Those of all inputs opened so far.
  virtual const std::vector<Secrets>& secrets() const = 0;
  // Sentences about files below given directories that were left out, because they are no captures.
  virtual const std::vector<std::string>& notes() const {
    static const std::vector<std::string> kNone;
    return kNone;
  }
  // How many threads beside the caller's it may have at the same time.
  virtual unsigned reading_threads() const { return 0; }
  // 0..1 by bytes read where the sizes are known; for progress only.
  virtual double progress() const { return 0; }
};

}  // namespace voip::capture
