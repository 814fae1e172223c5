#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "analyze/srtp/auth.h"
#include "analyze/srtp/records.h"

// Voice that travels encrypted here and in clear elsewhere (SRTP-062): samples of decrypted payloads are looked for in
// clear streams.
namespace voip::analyze::srtp {

// Packets of one SRTP stream, thinned out evenly, to be decrypted when its key is known.
class SealedSamples {
 public:
  explicit SealedSamples(std::size_t& held_by_all) : held_by_all_(held_by_all) {}
  ~SealedSamples();
  SealedSamples(const SealedSamples&) = delete;
  SealedSamples& operator=(const SealedSamples&) = delete;
  void add(ByteView packet, std::size_t header_size, const FrameRef& frame);

  // function(std::uint64_t digest of the clear payload, const FrameRef&)
  template <class Function>
  void open(const AuthState& auth, Function&& function) const {
    for (const Packet& packet : packets_) {
      if (const std::uint64_t digest = digest_of(packet, auth); digest != 0) function(digest, packet.frame);
    }
  }

 private:
  static constexpr std::size_t kMost = 64;
  static constexpr std::size_t kAllBytes = 8U << 20;
  struct Packet {
    std::vector<std::uint8_t> bytes;
    std::size_t header_size = 0;
    FrameRef frame;
    std::uint64_t number = 0;
  };
  static std::uint64_t digest_of(const Packet& packet, const AuthState& auth);
  std::vector<Packet> packets_;
  std::uint64_t seen_ = 0;
  unsigned shift_ = 0;
  std::size_t& held_by_all_;
};

// Digests of the first payloads of one stream.
class PayloadPrint {
 public:
  // held_by_all: counts the prints that there are.
  explicit PayloadPrint(std::size_t& held_by_all) : held_by_all_(held_by_all) { ++held_by_all_; }
  ~PayloadPrint() { --held_by_all_; }
  PayloadPrint(const PayloadPrint&) = delete;
  PayloadPrint& operator=(const PayloadPrint&) = delete;
  struct Entry {
    std::uint64_t digest = 0;
    FrameRef frame;
  };
  static constexpr std::size_t kMost = 128;
  static constexpr std::size_t kMostPrints = 4096;
  std::vector<Entry> entries;
  void add(ByteView payload, const FrameRef& frame);
  // 0 for what says nothing: too short, silence.
  static std::uint64_t digest_of(ByteView payload);

 private:
  std::size_t& held_by_all_;
};

// All of the run.
class CopyTable {
 public:
  std::size_t held = 0;    // bytes of all SealedSamples
  std::size_t prints = 0;  // that there are

  struct Sealed {
    std::uint64_t digest = 0;
    FrameRef frame;
    std::uint64_t call = 0;    // serial
    std::uint64_t stream = 0;  // a number of its own
  };
  struct Clear {
    std::unique_ptr<PayloadPrint> print;
    Endpoint src;
    Endpoint dst;
    std::uint64_t call = 0;  // serial; 0: no call
    bool orphan = false;
    FrameRef first;
    FrameRef last;
    std::uint64_t packets = 0;
  };
  struct Copy {
    const Clear* clear = nullptr;
    std::uint64_t call = 0;  // of the encrypted one
    FrameRef sealed;
    FrameRef copied;
    std::size_t matches = 0;
  };
  void add_sealed(const Sealed& sealed);
  void add_clear(Clear clear);
  std::vector<Copy> find();  // by time

 private:
  static constexpr std::size_t kMostSealed = 1U << 17;
  std::vector<Sealed> sealed_;
  std::vector<Clear> clear_;
};

}  // namespace voip::analyze::srtp
