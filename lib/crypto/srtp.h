#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/srtp_suite.h"

namespace voip::crypto {

// What is agreed beside suite and key (RFC 4568 section 6.3).
struct SrtpParameters {
  std::uint32_t key_derivation_rate = 0;  // packets: 0 (never) or a power of two up to 2^24
  bool unencrypted_srtp = false;
  bool unencrypted_srtcp = false;
  bool unauthenticated_srtp = false;
  std::size_t mki_size = 0;  // bytes, 0..128
  // Where something else than SDES or DTLS set them (ZRTP, MIKEY): 0, 4 or 10. HMAC suites only.
  std::optional<std::size_t> rtp_tag_size = std::nullopt;
  std::optional<std::size_t> rtcp_tag_size = std::nullopt;
};

// libsrtp2 up to 2.5 derives the session keys of AES-192 with AES-256: it takes master key and salt together for the
// key of 32 bytes and a salt that ends in zeros. Peers that follow RFC 6188 can't talk to it; recordings hold both.
enum class KeyDerivation : std::uint8_t { kRfc3711, kLibsrtp192 };

// How one SRTCP packet turned out to be protected.
struct SrtcpCheck {
  std::uint32_t index = 0;   // 31 bits
  bool encrypted = false;    // the E flag
  std::size_t tag_size = 0;  // bytes; with _32 suites some senders take 4, others 10
};

// The session keys as RFC 3711 section 4.3 derives them.
struct SrtpSessionKeys {
  std::vector<std::uint8_t> cipher_key;
  std::vector<std::uint8_t> auth_key;  // 20 bytes; empty with AEAD
  std::vector<std::uint8_t> salt;
};

// What one thread keeps to check tags with SrtpTagCheck: the cipher states of the keys that it met last.
class SrtpTagBench {
 public:
  SrtpTagBench();
  ~SrtpTagBench();
  SrtpTagBench(const SrtpTagBench&) = delete;
  SrtpTagBench& operator=(const SrtpTagBench&) = delete;

 private:
  friend class SrtpTagCheck;
  struct State;
  std::unique_ptr<State> state_;
};

// The RTP tags of one key, for any number of threads at the same time: it never changes.
class SrtpTagCheck : public std::enable_shared_from_this<SrtpTagCheck> {
 public:
  ~SrtpTagCheck();
  SrtpTagCheck(const SrtpTagCheck&) = delete;
  SrtpTagCheck& operator=(const SrtpTagCheck&) = delete;

  // As SrtpKey::verify_rtp.
  bool verify_rtp(ByteView packet, std::size_t header_size, std::uint32_t roc, SrtpTagBench& bench) const;

  struct Job {
    const SrtpTagCheck* check = nullptr;  // not null
    ByteView packet;
    std::size_t header_size = 0;
    std::uint32_t roc = 0;
    bool valid = false;  // the answer
  };
  // Many at once, in any order: that is faster than one by one.
  static void verify_rtp(std::span<Job> jobs, SrtpTagBench& bench);
  // Whether it is, on this processor.
  static bool faster_together();

 private:
  friend class SrtpKey;
  struct State;
  static void verify_pair(Job& a, Job& b);
  explicit SrtpTagCheck(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

// The keys of one SRTP master key, derived when first needed, and the cipher states kept for them (RFC 3711). Replays
// are no matter here. An object belongs to one thread at a time: even checks change its state.
class SrtpKey {
 public:
  // An error names what does not fit: sizes, or a suite that is not supported.
  static Result<SrtpKey> make(const SrtpSuite& suite, ByteView master_key, ByteView master_salt,
                              const SrtpParameters& parameters = {},
                              KeyDerivation derivation = KeyDerivation::kRfc3711);
  // From keys as they stand after derivation, for test vectors. They hold for all packets.
  static Result<SrtpKey> from_session_keys(const SrtpSuite& suite, const SrtpSessionKeys& rtp,
                                           const SrtpSessionKeys& rtcp, const SrtpParameters& parameters = {});
  ~SrtpKey();
  SrtpKey(SrtpKey&&) noexcept;
  SrtpKey& operator=(SrtpKey&&) noexcept;

  const SrtpSuite& suite() const;
  const SrtpParameters& parameters() const;
  KeyDerivation derivation() const;
  std::size_t rtp_tag_size() const;  // bytes; 0: nothing to verify
  // Bytes that protection adds to an RTP packet: tag and MKI.
  std::size_t rtp_overhead() const;

  // Whether the packet's tag is right for this key and rollover counter. header_size: fixed header, CSRCs and
  // extension. Authentication only, nothing is decrypted (but AEAD can't do one without the other). False without a
  // tag.
  bool verify_rtp(ByteView packet, std::size_t header_size, std::uint32_t roc);

  // What verifies as verify_rtp() does, on other threads too. Null where the session keys change with the packets'
  // index (key derivation rate) or packets have no tag. Of one key always the same.
  const std::shared_ptr<const SrtpTagCheck>& tag_check();

  // The payload in clear, written to `out`; returns its size. AEAD checks the tag, other suites do not.
  // Empty when the packet is too short, `out` is smaller than the payload, or the AEAD tag is wrong.
  std::optional<std::size_t> decrypt_rtp(ByteView packet, std::size_t header_size, std::uint32_t roc,
                                         std::span<std::uint8_t> out);

  // Tries the tag sizes that are seen in the wild; empty when none verifies.
  std::optional<SrtcpCheck> verify_rtcp(ByteView packet);

  // The whole compound packet in clear, header included, without index, MKI and tag. `how` as verify_rtcp() told it.
  std::optional<std::size_t> decrypt_rtcp(ByteView packet, const SrtcpCheck& how, std::span<std::uint8_t> out);

 private:
  struct State;
  struct Side;
  explicit SrtpKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

enum class SrtpTraffic : std::uint8_t { kRtp, kRtcp };
// `r` is the packet index divided by the key derivation rate, 0 without one. Empty when sizes don't fit.
std::optional<SrtpSessionKeys> derive_srtp_session_keys(const SrtpSuite& suite, ByteView master_key,
                                                        ByteView master_salt, SrtpTraffic traffic, std::uint64_t r = 0,
                                                        KeyDerivation derivation = KeyDerivation::kRfc3711);

// The index of RTP packets from their sequence numbers, RFC 3711 section 3.3.1 and appendix A.
class RocTracker {
 public:
  // From a packet that is known to have this rollover counter.
  void start(std::uint32_t roc, std::uint16_t sequence);
  bool started() const { return started_; }
  // Most likely counter of a packet with this sequence number; 0 before the start.
  std::uint32_t estimate(std::uint16_t sequence) const;
  // After the packet was found authentic.
  void confirm(std::uint32_t roc, std::uint16_t sequence);
  std::uint32_t roc() const { return roc_; }
  std::uint16_t highest() const { return highest_; }

 private:
  bool started_ = false;
  std::uint32_t roc_ = 0;
  std::uint16_t highest_ = 0;
};

}  // namespace voip::crypto
