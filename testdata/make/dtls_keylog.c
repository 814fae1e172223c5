/* LD_PRELOAD shim that makes programs tell their keys:
 *   SSLKEYLOGFILE  NSS key log of any OpenSSL or mbed TLS 2.28 user, TLS and DTLS
 *   SRTP_KEYLOG    each master key that is handed to libsrtp2 (the only way to know ZRTP's keys)
 * build: gcc -shared -fPIC -O1 -o keylog.so dtls_keylog.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/ssl.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>

static FILE* log_named(const char* variable) {
  const char* path = getenv(variable);
  return path ? fopen(path, "a") : NULL;
}

static void hex(FILE* out, const unsigned char* bytes, size_t length) {
  for (size_t i = 0; i < length; i++) fprintf(out, "%02x", bytes[i]);
}

static void on_line(const SSL* session, const char* line) {
  (void)session;
  FILE* out = log_named("SSLKEYLOGFILE");
  if (!out) return;
  fprintf(out, "%s\n", line);
  fclose(out);
}

SSL_CTX* SSL_CTX_new(const SSL_METHOD* method) {
  SSL_CTX* (*make)(const SSL_METHOD*) = dlsym(RTLD_NEXT, "SSL_CTX_new");
  void (*set)(SSL_CTX*, SSL_CTX_keylog_cb_func) = dlsym(RTLD_NEXT, "SSL_CTX_set_keylog_callback");
  SSL_CTX* context = make(method);
  if (context && set) set(context, on_line);
  return context;
}

/* mbed TLS 2.28 has one hook for keys. A caller that sets it (the toolbox of liblinphone derives
 * SRTP keys there) gets its own function called after ours. */
typedef int (*ExportKeys)(void*, const unsigned char*, const unsigned char*, size_t, size_t, size_t,
                          const unsigned char*, const unsigned char*, int);
static ExportKeys inner;

static int on_keys(void* user, const unsigned char* master, const unsigned char* block, size_t mac, size_t key,
                   size_t iv, const unsigned char* client_random, const unsigned char* server_random, int prf) {
  FILE* out = log_named("SSLKEYLOGFILE");
  if (out) {
    fprintf(out, "CLIENT_RANDOM ");
    hex(out, client_random, 32);
    fprintf(out, " ");
    hex(out, master, 48);
    fprintf(out, "\n");
    fclose(out);
  }
  return inner ? inner(user, master, block, mac, key, iv, client_random, server_random, prf) : 0;
}

void mbedtls_ssl_conf_export_keys_ext_cb(void* config, ExportKeys callback, void* user) {
  void (*set)(void*, ExportKeys, void*) = dlsym(RTLD_NEXT, "mbedtls_ssl_conf_export_keys_ext_cb");
  inner = callback;
  set(config, on_keys, user);
}

static void tell(const srtp_policy_t* policy) {
  for (; policy; policy = policy->next) {
    FILE* out = policy->key ? log_named("SRTP_KEYLOG") : NULL;
    if (!out) continue;
    fprintf(out, "direction=%d ssrc=%08x cipher=%u tag=%d services=%d key=", policy->ssrc.type,
            policy->ssrc.value, (unsigned)policy->rtp.cipher_type, policy->rtp.auth_tag_len, policy->rtp.sec_serv);
    hex(out, policy->key, (size_t)policy->rtp.cipher_key_len);
    fprintf(out, "\n");
    fclose(out);
  }
}

srtp_err_status_t srtp_create(srtp_t* session, const srtp_policy_t* policy) {
  srtp_err_status_t (*real)(srtp_t*, const srtp_policy_t*) = dlsym(RTLD_NEXT, "srtp_create");
  tell(policy);
  return real(session, policy);
}

srtp_err_status_t srtp_add_stream(srtp_t session, const srtp_policy_t* policy) {
  srtp_err_status_t (*real)(srtp_t, const srtp_policy_t*) = dlsym(RTLD_NEXT, "srtp_add_stream");
  tell(policy);
  return real(session, policy);
}

srtp_err_status_t srtp_update_stream(srtp_t session, const srtp_policy_t* policy) {
  srtp_err_status_t (*real)(srtp_t, const srtp_policy_t*) = dlsym(RTLD_NEXT, "srtp_update_stream");
  tell(policy);
  return real(session, policy);
}
