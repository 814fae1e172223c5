#pragma once

// libsrtp2 as an oracle: another hand's SRTP. Only its header is needed to build; the library is loaded when a test
// runs, and tests that need it say so and skip without it.

#if __has_include(<srtp2/srtp.h>)
#define HAVE_LIBSRTP 1
#include <dlfcn.h>
#include <srtp2/crypto_types.h>
#include <srtp2/srtp.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace voip::test {

struct LibsrtpOptions {
  srtp_cipher_type_id_t cipher = SRTP_AES_ICM_128;
  int key_size = 30;  // with salt
  int rtp_tag = 10;
  int rtcp_tag = 10;
  bool aead = false;
  bool null_cipher = false;
  std::vector<std::uint8_t> mki;
  bool clear_rtp = false;  // authenticated only
  bool clear_rtcp = false;
};

class Libsrtp {
 public:
  // Null when the library is not installed.
  static const Libsrtp* get() {
    static const Libsrtp kLibrary;
    return kLibrary.handle_ != nullptr ? &kLibrary : nullptr;
  }

  decltype(&::srtp_init) init = nullptr;
  decltype(&::srtp_create) create = nullptr;
  decltype(&::srtp_dealloc) dealloc = nullptr;
  decltype(&::srtp_protect_mki) protect = nullptr;
  decltype(&::srtp_protect_rtcp_mki) protect_rtcp = nullptr;
  decltype(&::srtp_set_stream_roc) set_roc = nullptr;

 private:
  Libsrtp() : handle_(dlopen("libsrtp2.so.1", RTLD_NOW)) {
    if (handle_ == nullptr) return;
    load(init, "srtp_init");
    load(create, "srtp_create");
    load(dealloc, "srtp_dealloc");
    load(protect, "srtp_protect_mki");
    load(protect_rtcp, "srtp_protect_rtcp_mki");
    load(set_roc, "srtp_set_stream_roc");
    if (init == nullptr || create == nullptr || dealloc == nullptr || protect == nullptr || protect_rtcp == nullptr ||
        set_roc == nullptr || init() != srtp_err_status_ok) {
      handle_ = nullptr;
    }
  }
  template <class Function>
  void load(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(handle_, name));
  }
  void* handle_;
};

// One sender.
class LibsrtpSender {
 public:
  LibsrtpSender(const LibsrtpOptions& options, std::vector<std::uint8_t> key_and_salt, std::uint32_t ssrc)
      : key_(std::move(key_and_salt)), mki_(options.mki) {
    srtp_policy_t policy;
    std::memset(&policy, 0, sizeof(policy));
    const auto fill = [&](srtp_crypto_policy_t& p, int tag, bool clear) {
      p.cipher_type = options.null_cipher ? SRTP_NULL_CIPHER : options.cipher;
      p.cipher_key_len = options.key_size;
      p.auth_type = options.aead ? SRTP_NULL_AUTH : SRTP_HMAC_SHA1;
      p.auth_key_len = options.aead ? 0 : 20;
      p.auth_tag_len = tag;
      p.sec_serv = options.null_cipher || clear ? sec_serv_auth : sec_serv_conf_and_auth;
    };
    fill(policy.rtp, options.rtp_tag, options.clear_rtp);
    fill(policy.rtcp, options.rtcp_tag, options.clear_rtcp);
    policy.ssrc.type = ssrc_specific;
    policy.ssrc.value = ssrc;
    master_.key = key_.data();
    master_.mki_id = mki_.data();
    master_.mki_size = static_cast<unsigned int>(mki_.size());
    if (mki_.empty()) {
      policy.key = key_.data();
    } else {
      policy.keys = &list_;
      policy.num_master_keys = 1;
    }
    policy.window_size = 128;
    policy.allow_repeat_tx = 1;
    ok_ = Libsrtp::get()->create(&session_, &policy) == srtp_err_status_ok;
  }
  ~LibsrtpSender() {
    if (ok_) Libsrtp::get()->dealloc(session_);
  }
  LibsrtpSender(const LibsrtpSender&) = delete;
  LibsrtpSender& operator=(const LibsrtpSender&) = delete;

  bool ok() const { return ok_; }
  bool set_roc(std::uint32_t ssrc, std::uint32_t roc) {
    return Libsrtp::get()->set_roc(session_, ssrc, roc) == srtp_err_status_ok;
  }
  std::optional<std::vector<std::uint8_t>> rtp(ByteView packet) {
    return run(packet,
               [&](void* at, int* n) { return Libsrtp::get()->protect(session_, at, n, mki_.empty() ? 0 : 1, 0); });
  }
  std::optional<std::vector<std::uint8_t>> rtcp(ByteView packet) {
    return run(packet, [&](void* at, int* n) {
      return Libsrtp::get()->protect_rtcp(session_, at, n, mki_.empty() ? 0 : 1, 0);
    });
  }

 private:
  template <class Function>
  std::optional<std::vector<std::uint8_t>> run(ByteView packet, Function function) {
    std::vector<std::uint8_t> buffer(packet.begin(), packet.end());
    buffer.resize(packet.size() + SRTP_MAX_TRAILER_LEN + 4);
    int n = static_cast<int>(packet.size());
    if (function(buffer.data(), &n) != srtp_err_status_ok) return std::nullopt;
    buffer.resize(static_cast<std::size_t>(n));
    return buffer;
  }

  std::vector<std::uint8_t> key_;
  std::vector<std::uint8_t> mki_;
  srtp_master_key_t master_{};
  srtp_master_key_t* list_ = &master_;
  srtp_t session_ = nullptr;
  bool ok_ = false;
};

}  // namespace voip::test
#endif
