// Two ends of DTLS 1.3 by NSS in one process, over loopback; writes each datagram as "direction hex", the leaf
// certificates, and the exported SRTP keys. SSLKEYLOGFILE gets the key log. Usage: dtls13_nss PROFILE...
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <nspr/nspr.h>
#include <nss/cert.h>
#include <nss/cryptohi.h>
#include <nss/keyhi.h>
#include <nss/nss.h>
#include <nss/pk11pub.h>
#include <nss/pkcs11n.h>
#include <nss/secerr.h>
#include <nss/ssl.h>
#include <nss/sslproto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char exporter_secret[129];

// Debian's NSS writes no key log: the exporter secret is taken where libssl derives it.
PK11SymKey* PK11_DeriveWithFlags(PK11SymKey* base, CK_MECHANISM_TYPE derive, SECItem* param, CK_MECHANISM_TYPE target,
                                 CK_ATTRIBUTE_TYPE operation, int size, CK_FLAGS flags) {
  PK11SymKey* (*real)(PK11SymKey*, CK_MECHANISM_TYPE, SECItem*, CK_MECHANISM_TYPE, CK_ATTRIBUTE_TYPE, int, CK_FLAGS) =
      dlsym(RTLD_NEXT, "PK11_DeriveWithFlags");
  PK11SymKey* key = real(base, derive, param, target, operation, size, flags);
  if (key && derive == CKM_HKDF_DERIVE) {
    CK_HKDF_PARAMS* hkdf = (CK_HKDF_PARAMS*)param->data;
    if (hkdf->bExpand && memmem(hkdf->pInfo, hkdf->ulInfoLen, "exp master", 10) && !PK11_ExtractKeyValue(key)) {
      SECItem* value = PK11_GetKeyData(key);
      for (unsigned i = 0; i < value->len && i < 64; ++i) sprintf(exporter_secret + 2 * i, "%02x", value->data[i]);
      fprintf(stderr, "label %.*s\n", (int)(hkdf->pInfo[2]), hkdf->pInfo + 3);
    }
  }
  return key;
}

static void die(const char* what) {
  fprintf(stderr, "%s: %s\n", what, PR_ErrorToName(PR_GetError()));
  exit(1);
}

struct identity {
  CERTCertificate* certificate;
  SECKEYPrivateKey* key;
};

static struct identity identity(const char* subject, int serial) {
  struct identity made;
  PK11SlotInfo* slot = PK11_GetInternalSlot();
  SECOidData* curve = SECOID_FindOIDByTag(SEC_OID_SECG_EC_SECP256R1);
  unsigned char params[32] = {SEC_ASN1_OBJECT_ID, (unsigned char)curve->oid.len};
  memcpy(params + 2, curve->oid.data, curve->oid.len);
  SECItem ec = {siBuffer, params, curve->oid.len + 2};
  SECKEYPublicKey* public_key = NULL;
  made.key = PK11_GenerateKeyPair(slot, CKM_EC_KEY_PAIR_GEN, &ec, &public_key, PR_FALSE, PR_FALSE, NULL);
  if (!made.key) die("key");
  CERTName* name = CERT_AsciiToName(subject);
  CERTSubjectPublicKeyInfo* spki = SECKEY_CreateSubjectPublicKeyInfo(public_key);
  CERTCertificateRequest* request = CERT_CreateCertificateRequest(name, spki, NULL);
  CERTValidity* validity = CERT_CreateValidity(PR_Now() - 86400LL * 1000000, PR_Now() + 30 * 86400LL * 1000000);
  CERTCertificate* certificate = CERT_CreateCertificate(serial, name, validity, request);
  PLArenaPool* arena = certificate->arena;
  if (SECOID_SetAlgorithmID(arena, &certificate->signature, SEC_OID_ANSIX962_ECDSA_SHA256_SIGNATURE, 0)) die("algorithm");
  *certificate->version.data = SEC_CERTIFICATE_VERSION_3;
  certificate->version.len = 1;
  SECItem inner = {siBuffer, NULL, 0};
  if (!SEC_ASN1EncodeItem(arena, &inner, certificate, SEC_ASN1_GET(CERT_CertificateTemplate))) die("encode");
  SECItem* whole = PORT_ArenaZAlloc(arena, sizeof(SECItem));
  if (SEC_DerSignData(arena, whole, inner.data, (int)inner.len, made.key, SEC_OID_ANSIX962_ECDSA_SHA256_SIGNATURE)) die("sign");
  made.certificate = CERT_NewTempCertificate(CERT_GetDefaultCertDB(), whole, NULL, PR_FALSE, PR_TRUE);
  if (!made.certificate) die("certificate");
  return made;
}

static void hex(const char* name, const unsigned char* bytes, unsigned size) {
  printf("%s ", name);
  for (unsigned i = 0; i < size; ++i) printf("%02x", bytes[i]);
  printf("\n");
}

static SECStatus accept_any(void* a, PRFileDesc* b, PRBool c, PRBool d) { return SECSuccess; }
static SECStatus client_identity(void* arg, PRFileDesc* fd, CERTDistNames* names, CERTCertificate** certificate, SECKEYPrivateKey** key) {
  struct identity* own = arg;
  *certificate = CERT_DupCertificate(own->certificate);
  *key = SECKEY_CopyPrivateKey(own->key);
  return SECSuccess;
}

static PRFileDesc* end_of(int relay, unsigned short* own_port) {
  PRFileDesc* udp = PR_NewUDPSocket();
  PRNetAddr address;
  PR_InitializeNetAddr(PR_IpAddrLoopback, 0, &address);
  if (PR_Bind(udp, &address)) die("bind");
  PR_GetSockName(udp, &address);
  *own_port = PR_ntohs(address.inet.port);
  struct sockaddr_in there;
  socklen_t size = sizeof(there);
  getsockname(relay, (struct sockaddr*)&there, &size);
  PR_InitializeNetAddr(PR_IpAddrLoopback, ntohs(there.sin_port), &address);
  if (PR_Connect(udp, &address, PR_INTERVAL_NO_TIMEOUT)) die("connect");
  PRSocketOptionData option = {PR_SockOpt_Nonblocking, {.non_blocking = PR_TRUE}};
  PR_SetSocketOption(udp, &option);
  PRFileDesc* dtls = DTLS_ImportFD(NULL, udp);
  if (!dtls) die("dtls");
  SSLVersionRange range = {SSL_LIBRARY_VERSION_TLS_1_2, SSL_LIBRARY_VERSION_TLS_1_3};
  if (SSL_VersionRangeSet(dtls, &range)) die("range");
  SSL_AuthCertificateHook(dtls, accept_any, NULL);
  return dtls;
}

static int relay(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(fd, (struct sockaddr*)&any, sizeof(any))) die("relay");
  return fd;
}

static int pass(int from, int to, unsigned short to_port, const char* name) {
  unsigned char data[65536];
  int count = 0;
  for (;;) {
    ssize_t size = recv(from, data, sizeof(data), MSG_DONTWAIT);
    if (size < 0) return count;
    hex(name, data, (unsigned)size);
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(to_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sendto(to, data, (size_t)size, 0, (struct sockaddr*)&there, sizeof(there));
    ++count;
  }
}

int main(int argc, char** argv) {
  if (NSS_NoDB_Init(NULL) || NSS_SetDomesticPolicy()) die("init");
  struct identity a = identity("CN=alice", 1001), b = identity("CN=bob", 1002);
  int near_client = relay(), near_server = relay();
  unsigned short client_port, server_port;
  PRFileDesc* client = end_of(near_client, &client_port);
  PRFileDesc* server = end_of(near_server, &server_port);
  PRUint16 profiles[8];
  unsigned count = 0;
  for (int i = 1; i < argc && count < 8; ++i) profiles[count++] = (PRUint16)strtoul(argv[i], NULL, 0);
  if (SSL_SetSRTPCiphers(client, profiles, count) || SSL_SetSRTPCiphers(server, profiles, count)) die("srtp");
  SSL_GetClientAuthDataHook(client, client_identity, &b);
  if (SSL_ConfigServerCert(server, a.certificate, a.key, NULL, 0)) die("server certificate");
  SSL_OptionSet(server, SSL_REQUEST_CERTIFICATE, PR_TRUE);
  SSL_OptionSet(server, SSL_REQUIRE_CERTIFICATE, SSL_REQUIRE_ALWAYS);
  SSL_ResetHandshake(client, PR_FALSE);
  SSL_ResetHandshake(server, PR_TRUE);
  int done_client = 0, done_server = 0;
  for (int round = 0; round < 3000 && !(done_client && done_server && round > 200); ++round) {
    if (!done_client && SSL_ForceHandshake(client) == SECSuccess) done_client = 1;
    else if (!done_client && PR_GetError() != PR_WOULD_BLOCK_ERROR) die("client");
    pass(near_client, near_server, server_port, "client");
    if (!done_server && SSL_ForceHandshake(server) == SECSuccess) done_server = 1;
    else if (!done_server && PR_GetError() != PR_WOULD_BLOCK_ERROR) die("server");
    pass(near_server, near_client, client_port, "server");
    if (done_client) {
      char scrap[64];
      PR_Recv(client, scrap, sizeof(scrap), 0, PR_INTERVAL_NO_WAIT);
      PR_Recv(server, scrap, sizeof(scrap), 0, PR_INTERVAL_NO_WAIT);
    }
    usleep(1000);
  }
  if (!done_client || !done_server) die("handshake");
  SSLChannelInfo info;
  SSL_GetChannelInfo(client, &info, sizeof(info));
  PRUint16 profile = 0;
  SSL_GetSRTPCipher(client, &profile);
  printf("version %04x\nsuite %04x\nprofile %04x\n", info.protocolVersion, info.cipherSuite, profile);
  hex("server-certificate", a.certificate->derCert.data, a.certificate->derCert.len);
  hex("client-certificate", b.certificate->derCert.data, b.certificate->derCert.len);
  unsigned char keys[2][88];
  unsigned size = profile == 8 ? 88 : profile == 7 ? 56 : 60;
  for (int i = 0; i < 2; ++i) {
    if (SSL_ExportKeyingMaterial(i ? server : client, "EXTRACTOR-dtls_srtp", 19, PR_FALSE, NULL, 0, keys[i], size)) die("export");
  }
  if (memcmp(keys[0], keys[1], size)) die("keys differ");
  hex("keys", keys[0], size);
  printf("exporter-secret %s\n", exporter_secret);
  return 0;
}
