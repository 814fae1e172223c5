#pragma once

// OpenSSL's libssl as an oracle: TLS and DTLS sessions between two ends in memory, with what each sent and the key log.
// Only its header is needed to build; the library is loaded when a test runs, and tests that need it say so and skip
// without it.

#if __has_include(<openssl/ssl.h>)
#define HAVE_LIBSSL 1
#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace voip::test {

class Libssl {
 public:
  // Null when the library is not installed.
  static const Libssl* get() {
    static const Libssl kLibrary;
    return kLibrary.complete_ ? &kLibrary : nullptr;
  }

  decltype(&::TLS_method) tls_method = nullptr;
  decltype(&::DTLS_method) dtls_method = nullptr;
  decltype(&::SSL_CTX_new) ctx_new = nullptr;
  decltype(&::SSL_CTX_free) ctx_free = nullptr;
  decltype(&::SSL_CTX_use_certificate) use_certificate = nullptr;
  decltype(&::SSL_CTX_use_PrivateKey) use_key = nullptr;
  decltype(&::SSL_CTX_set_keylog_callback) set_keylog = nullptr;
  decltype(&::SSL_CTX_ctrl) ctx_ctrl = nullptr;
  decltype(&::SSL_CTX_set_cipher_list) set_cipher_list = nullptr;
  decltype(&::SSL_CTX_set_ciphersuites) set_ciphersuites = nullptr;
  decltype(&::SSL_CTX_set_options) set_options = nullptr;
  decltype(&::SSL_CTX_set_session_id_context) set_session_id_context = nullptr;
  decltype(&::SSL_CTX_set_alpn_protos) set_alpn_protos = nullptr;
  decltype(&::SSL_CTX_set_alpn_select_cb) set_alpn_select = nullptr;
  decltype(&::SSL_CTX_set_psk_client_callback) set_psk_client = nullptr;
  decltype(&::SSL_CTX_set_psk_server_callback) set_psk_server = nullptr;
  decltype(&::SSL_CTX_set_tlsext_use_srtp) set_use_srtp = nullptr;
  decltype(&::SSL_CTX_set_verify) set_verify = nullptr;
  decltype(&::SSL_CTX_get_ciphers) get_ciphers = nullptr;
  decltype(&::SSL_CIPHER_standard_name) cipher_name = nullptr;
  decltype(&::SSL_CIPHER_get_name) cipher_openssl_name = nullptr;
  decltype(&::SSL_get_current_cipher) current_cipher = nullptr;
  decltype(&::SSL_new) ssl_new = nullptr;
  decltype(&::SSL_free) ssl_free = nullptr;
  decltype(&::SSL_ctrl) ctrl = nullptr;
  decltype(&::SSL_set_options) ssl_set_options = nullptr;
  decltype(&::SSL_set_bio) set_bio = nullptr;
  decltype(&::SSL_get_wbio) get_wbio = nullptr;
  decltype(&::SSL_get_rbio) get_rbio = nullptr;
  decltype(&::SSL_set_connect_state) set_connect = nullptr;
  decltype(&::SSL_set_accept_state) set_accept = nullptr;
  decltype(&::SSL_do_handshake) do_handshake = nullptr;
  decltype(&::SSL_is_init_finished) is_finished = nullptr;
  decltype(&::SSL_read) read = nullptr;
  decltype(&::SSL_write) write = nullptr;
  decltype(&::SSL_key_update) key_update = nullptr;
  decltype(&::SSL_renegotiate) renegotiate = nullptr;
  decltype(&::SSL_get1_session) get_session = nullptr;
  decltype(&::SSL_set_session) set_session = nullptr;
  decltype(&::SSL_SESSION_free) session_free = nullptr;
  decltype(&::SSL_session_reused) session_reused = nullptr;
  decltype(&::SSL_export_keying_material) export_material = nullptr;
  decltype(&::SSL_get_client_random) client_random = nullptr;
  decltype(&::SSL_get_server_random) server_random = nullptr;
  decltype(&::SSL_set_ex_data) set_ex_data = nullptr;
  decltype(&::SSL_get_ex_data) get_ex_data = nullptr;

 private:
  Libssl() : handle_(dlopen("libssl.so.3", RTLD_NOW)), complete_(handle_ != nullptr) {
    load(tls_method, "TLS_method");
    load(dtls_method, "DTLS_method");
    load(ctx_new, "SSL_CTX_new");
    load(ctx_free, "SSL_CTX_free");
    load(use_certificate, "SSL_CTX_use_certificate");
    load(use_key, "SSL_CTX_use_PrivateKey");
    load(set_keylog, "SSL_CTX_set_keylog_callback");
    load(ctx_ctrl, "SSL_CTX_ctrl");
    load(set_cipher_list, "SSL_CTX_set_cipher_list");
    load(set_ciphersuites, "SSL_CTX_set_ciphersuites");
    load(set_options, "SSL_CTX_set_options");
    load(set_session_id_context, "SSL_CTX_set_session_id_context");
    load(set_alpn_protos, "SSL_CTX_set_alpn_protos");
    load(set_alpn_select, "SSL_CTX_set_alpn_select_cb");
    load(set_psk_client, "SSL_CTX_set_psk_client_callback");
    load(set_psk_server, "SSL_CTX_set_psk_server_callback");
    load(set_use_srtp, "SSL_CTX_set_tlsext_use_srtp");
    load(set_verify, "SSL_CTX_set_verify");
    load(get_ciphers, "SSL_CTX_get_ciphers");
    load(cipher_name, "SSL_CIPHER_standard_name");
    load(cipher_openssl_name, "SSL_CIPHER_get_name");
    load(current_cipher, "SSL_get_current_cipher");
    load(ssl_new, "SSL_new");
    load(ssl_free, "SSL_free");
    load(ctrl, "SSL_ctrl");
    load(ssl_set_options, "SSL_set_options");
    load(set_bio, "SSL_set_bio");
    load(get_wbio, "SSL_get_wbio");
    load(get_rbio, "SSL_get_rbio");
    load(set_connect, "SSL_set_connect_state");
    load(set_accept, "SSL_set_accept_state");
    load(do_handshake, "SSL_do_handshake");
    load(is_finished, "SSL_is_init_finished");
    load(read, "SSL_read");
    load(write, "SSL_write");
    load(key_update, "SSL_key_update");
    load(renegotiate, "SSL_renegotiate");
    load(get_session, "SSL_get1_session");
    load(set_session, "SSL_set_session");
    load(session_free, "SSL_SESSION_free");
    load(session_reused, "SSL_session_reused");
    load(export_material, "SSL_export_keying_material");
    load(client_random, "SSL_get_client_random");
    load(server_random, "SSL_get_server_random");
    load(set_ex_data, "SSL_set_ex_data");
    load(get_ex_data, "SSL_get_ex_data");
  }
  template <class Function>
  void load(Function& function, const char* name) {
    function = handle_ == nullptr ? nullptr : reinterpret_cast<Function>(dlsym(handle_, name));
    if (function == nullptr) complete_ = false;
  }
  void* handle_;
  bool complete_;
};

struct TlsSetup {
  bool dtls = false;
  int version = TLS1_2_VERSION;
  std::string cipher = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";  // up to 1.2, OpenSSL's name
  std::string cipher13 = {};                               // 1.3
  std::uint64_t options = 0;                               // SSL_OP_*, both ends
  bool ecdsa = false;
  bool client_certificate = false;
  bool ask_retry = false;  // 1.3: server wants another group
  std::string srtp_profiles = {};
};

// A client's and a server's context; sessions between them can be resumed.
class TlsPair {
 public:
  explicit TlsPair(const TlsSetup& setup) : setup_(setup), ssl_(*Libssl::get()) {
    for (SSL_CTX*& context : contexts_) {
      context = ssl_.ctx_new(setup.dtls ? ssl_.dtls_method() : ssl_.tls_method());
      ssl_.ctx_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, setup.version, nullptr);
      ssl_.ctx_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, setup.version, nullptr);
      ssl_.set_options(context, setup.options | SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
      const std::string list =
          setup.cipher.find('@') == std::string::npos ? setup.cipher + ":@SECLEVEL=0" : setup.cipher;
      good_ = good_ && ssl_.set_cipher_list(context, list.c_str()) == 1;
      if (!setup.cipher13.empty()) good_ = good_ && ssl_.set_ciphersuites(context, setup.cipher13.c_str()) == 1;
      if (!setup.srtp_profiles.empty()) ssl_.set_use_srtp(context, setup.srtp_profiles.c_str());
    }
    SSL_CTX* server = contexts_[1];
    add_certificate(server, setup.ecdsa);
    if (setup.client_certificate) {
      add_certificate(contexts_[0], setup.ecdsa);
      ssl_.set_verify(server, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
    }
    ssl_.ctx_ctrl(server, SSL_CTRL_SET_DH_AUTO, 1, nullptr);
    if (setup.ask_retry) {
      ssl_.ctx_ctrl(contexts_[0], SSL_CTRL_SET_GROUPS_LIST, 0, const_cast<char*>("X25519:P-384"));
      ssl_.ctx_ctrl(server, SSL_CTRL_SET_GROUPS_LIST, 0, const_cast<char*>("P-384"));
    }
    ssl_.set_session_id_context(server, reinterpret_cast<const unsigned char*>("t"), 1);
    if (setup.version != TLS1_3_VERSION) add_psk();
    ssl_.set_alpn_protos(contexts_[0], reinterpret_cast<const unsigned char*>("\3sip\2h2"), 7);
    ssl_.set_alpn_select(
        server,
        [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned int, void*) {
          *out = in + 1;
          *size = in[0];
          return SSL_TLSEXT_ERR_OK;
        },
        nullptr);
    ssl_.set_keylog(contexts_[0], [](const SSL* ssl, const char* line) {
      auto* log = static_cast<std::string*>(Libssl::get()->get_ex_data(ssl, 0));
      if (log != nullptr) *log += std::string(line) + "\n";
    });
  }
  ~TlsPair() {
    if (session_ != nullptr) ssl_.session_free(session_);
    for (SSL_CTX* context : contexts_) ssl_.ctx_free(context);
    for (EVP_PKEY* key : keys_) EVP_PKEY_free(key);
    for (X509* certificate : certificates_) X509_free(certificate);
  }
  TlsPair(const TlsPair&) = delete;
  TlsPair& operator=(const TlsPair&) = delete;

  bool good() const { return good_; }
  const TlsSetup& setup() const { return setup_; }
  SSL_CTX* context(std::uint8_t end) const { return contexts_[end]; }
  SSL_SESSION*& session() { return session_; }
  std::string server_key_pem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, keys_.front(), nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    std::string pem(text, static_cast<std::size_t>(size));
    BIO_free(bio);
    return pem;
  }
  std::vector<std::uint8_t> server_certificate() const {
    std::uint8_t* der = nullptr;
    const int size = i2d_X509(certificates_.front(), &der);
    std::vector<std::uint8_t> bytes(der, der + size);
    OPENSSL_free(der);
    return bytes;
  }

 private:
  // RSA keys take their time to make: three serve all pairs in turn, so that neighbours differ.
  static EVP_PKEY* fresh_key(bool ecdsa) {
    if (ecdsa) return EVP_EC_gen("P-256");
    static EVP_PKEY* const kKeys[3] = {EVP_RSA_gen(std::size_t{2048}), EVP_RSA_gen(std::size_t{2048}),
                                       EVP_RSA_gen(std::size_t{2048})};
    static unsigned int turn = 0;
    EVP_PKEY* key = kKeys[turn++ % 3];
    EVP_PKEY_up_ref(key);
    return key;
  }
  void add_psk() {
    ssl_.set_psk_client(contexts_[0],
                        [](SSL*, const char*, char* identity, unsigned int, unsigned char* psk, unsigned int) {
                          std::strcpy(identity, "me");
                          std::memset(psk, 7, 16);
                          return 16U;
                        });
    ssl_.set_psk_server(contexts_[1], [](SSL*, const char*, unsigned char* psk, unsigned int) {
      std::memset(psk, 7, 16);
      return 16U;
    });
  }
  void add_certificate(SSL_CTX* context, bool ecdsa) {
    EVP_PKEY* key = fresh_key(ecdsa);
    X509* certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("example.test"), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_sign(certificate, key, EVP_sha256());
    good_ = good_ && ssl_.use_certificate(context, certificate) == 1 && ssl_.use_key(context, key) == 1;
    keys_.push_back(key);
    certificates_.push_back(certificate);
  }

  TlsSetup setup_;
  const Libssl& ssl_;
  SSL_CTX* contexts_[2] = {nullptr, nullptr};
  std::vector<EVP_PKEY*> keys_;
  std::vector<X509*> certificates_;
  SSL_SESSION* session_ = nullptr;
  bool good_ = true;
};

// One session, recorded. Direction 0 is the client's.
class TlsTalk {
 public:
  struct Segment {
    std::uint8_t direction;
    std::vector<std::uint8_t> bytes;
  };

  explicit TlsTalk(TlsPair& pair) : pair_(pair), ssl_(*Libssl::get()) {
    for (std::uint8_t i = 0; i < 2; ++i) ends_[i] = ssl_.ssl_new(pair.context(i));
    for (SSL* end : ends_) ssl_.set_bio(end, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    for (SSL* end : ends_) {
      if (!pair.setup().dtls) continue;
      ssl_.ssl_set_options(end, SSL_OP_NO_QUERY_MTU);
      ssl_.ctrl(end, SSL_CTRL_SET_MTU, 1400, nullptr);
    }
    ssl_.set_ex_data(ends_[0], 0, &keylog);
    ssl_.set_connect(ends_[0]);
    ssl_.set_accept(ends_[1]);
    ssl_.ctrl(ends_[0], SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>("sip.example.test"));
    if (pair.session() != nullptr) ssl_.set_session(ends_[0], pair.session());
  }
  ~TlsTalk() {
    for (SSL* end : ends_) ssl_.ssl_free(end);
  }
  TlsTalk(const TlsTalk&) = delete;
  TlsTalk& operator=(const TlsTalk&) = delete;

  bool handshake() {
    for (int i = 0; i < 20 && !done(); ++i) {
      for (SSL* end : ends_) {
        ssl_.do_handshake(end);
        pump();
      }
    }
    // Tickets of 1.3 come behind the handshake.
    char none = 0;
    ssl_.read(ends_[0], &none, 0);
    ERR_clear_error();
    return done();
  }
  bool done() const { return ssl_.is_finished(ends_[0]) == 1 && ssl_.is_finished(ends_[1]) == 1; }
  bool resumed() const { return ssl_.session_reused(ends_[0]) == 1; }

  bool say(std::uint8_t direction, const std::string& text) {
    if (ssl_.write(ends_[direction], text.data(), static_cast<int>(text.size())) != static_cast<int>(text.size()))
      return false;
    pump();
    std::string got(text.size(), '\0');
    std::size_t have = 0;
    for (int i = 0; i < 100 && have < got.size(); ++i) {
      const int n = ssl_.read(ends_[direction ^ 1], got.data() + have, static_cast<int>(got.size() - have));
      if (n > 0) have += static_cast<std::size_t>(n);
    }
    pump();
    said[direction] += text;
    return got == text;
  }
  bool update_keys(std::uint8_t direction, bool both) {
    const int ok = ssl_.key_update(ends_[direction], both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    return ok == 1 && ssl_.do_handshake(ends_[direction]) == 1;
  }
  bool renegotiate() {
    if (ssl_.renegotiate(ends_[0]) != 1) return false;
    char none = 0;
    for (int i = 0; i < 20; ++i) {
      ssl_.do_handshake(ends_[0]);
      pump();
      ssl_.read(ends_[1], &none, 1);
      pump();
      ssl_.read(ends_[0], &none, 1);
      pump();
    }
    return done();
  }
  void keep_session() {
    if (pair_.session() != nullptr) ssl_.session_free(pair_.session());
    pair_.session() = ssl_.get_session(ends_[0]);
  }
  std::string suite() const { return ssl_.cipher_name(ssl_.current_cipher(ends_[0])); }
  std::vector<std::uint8_t> exported(const std::string& label, std::size_t size) const {
    std::vector<std::uint8_t> out(size);
    ssl_.export_material(ends_[0], out.data(), size, label.data(), label.size(), nullptr, 0, 0);
    return out;
  }
  std::vector<std::uint8_t> random(std::uint8_t direction) const {
    std::vector<std::uint8_t> out(32);
    (direction == 0 ? ssl_.client_random : ssl_.server_random)(ends_[0], out.data(), out.size());
    return out;
  }

  std::vector<Segment> segments;
  std::string keylog;
  std::string said[2];

 private:
  // Carries over what both ends have written, and records it.
  void pump() {
    for (bool moved = true; moved;) {
      moved = false;
      for (std::uint8_t i = 0; i < 2; ++i) {
        std::vector<std::uint8_t> buffer(1U << 16);
        const int n = BIO_read(ssl_.get_wbio(ends_[i]), buffer.data(), static_cast<int>(buffer.size()));
        if (n <= 0) continue;
        buffer.resize(static_cast<std::size_t>(n));
        BIO_write(ssl_.get_rbio(ends_[i ^ 1]), buffer.data(), n);
        segments.push_back({i, std::move(buffer)});
        moved = true;
      }
    }
  }

  TlsPair& pair_;
  const Libssl& ssl_;
  SSL* ends_[2] = {nullptr, nullptr};
};

}  // namespace voip::test
#endif
