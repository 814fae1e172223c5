// Makes a capture of INVITE requests, each with a PASSporT of its own under one certificate, and their number beside
// it. Nothing of lib/ is used here.
#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::uint64_t kFirstSecond = 1'768'471'200;  // 2026-01-15T10:00:00Z
constexpr std::uint64_t kPerSecond = 200;
constexpr std::string_view kCertificate = "https://certs.provider.example/good.pem";

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "passgen: {}\n", why);
  std::exit(2);
}

std::string base64url(std::string_view bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const char byte : bytes) {
    held = (held << 8) | static_cast<unsigned char>(byte);
    for (bits += 8; bits >= 6;) text += kDigits[(held >> (bits -= 6)) & 63];
  }
  if (bits != 0) text += kDigits[(held << (6 - bits)) & 63];
  return text;
}

// RFC 7518 section 3.4: R and S, 32 bytes each.
std::string sign(EVP_PKEY* key, const std::string& text) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::array<unsigned char, 80> der{};
  std::size_t size = der.size();
  if (EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(context, der.data(), &size, reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1)
    die("signing failed");
  EVP_MD_CTX_free(context);
  const unsigned char* at = der.data();
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size));
  std::string raw(64, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32);
  ECDSA_SIG_free(signature);
  return raw;
}

std::string invite(EVP_PKEY* key, std::uint64_t number) {
  const std::uint64_t second = kFirstSecond + number / kPerSecond;
  const std::string called = fmt::format("1215556{:04}", number % 10'000);
  const std::string header =
      fmt::format(R"({{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{}"}})", kCertificate);
  const std::string claims =
      fmt::format(R"({{"attest":"A","dest":{{"tn":["{}"]}},"iat":{},"orig":{{"tn":"12155550110"}},)"
                  R"("origid":"5a7b1c2e-3f40-4d1e-9a6b-{:012x}"}})",
                  called, second, number);
  const std::string signed_text = base64url(header) + '.' + base64url(claims);
  const std::string sdp =
      "v=0\r\no=- 1 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
  return fmt::format(
      "INVITE sip:+{0}@198.51.100.20;user=phone SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK{1:012x}\r\n"
      "From: <sip:+12155550110@198.51.100.10;user=phone>;tag=a{1}\r\n"
      "To: <sip:+{0}@198.51.100.20;user=phone>\r\nCall-ID: {1}@198.51.100.10\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
      "Contact: <sip:198.51.100.10:5060>\r\n"
      "Identity: {2}.{3};info=<{4}>;alg=ES256;ppt=\"shaken\"\r\n"
      "Content-Type: application/sdp\r\nContent-Length: {5}\r\n\r\n{6}",
      called, number, signed_text, base64url(sign(key, signed_text)), kCertificate, sdp.size(), sdp);
}

void put(std::string& out, std::uint64_t value, unsigned bytes, bool big) {
  for (unsigned i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * (big ? bytes - 1 - i : i)));
}

// Ethernet, IPv4 and UDP without checksums, and the record around them.
std::string record(const std::string& payload, std::uint64_t number) {
  std::string frame("\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0", 14);
  frame += std::string("\x45\0", 2);
  put(frame, 28 + payload.size(), 2, true);
  frame += std::string("\0\0\0\0\x40\x11\0\0\xc6\x33\x64\x0a\xc6\x33\x64\x14", 16);
  put(frame, 5060, 2, true);
  put(frame, 5060, 2, true);
  put(frame, 8 + payload.size(), 2, true);
  put(frame, 0, 2, true);
  frame += payload;
  std::string out;
  put(out, kFirstSecond + number / kPerSecond, 4, false);
  put(out, number % kPerSecond * (1'000'000 / kPerSecond), 4, false);
  put(out, frame.size(), 4, false);
  put(out, frame.size(), 4, false);
  return out + frame;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) die("usage: passgen COUNT KEY.pem OUT (writes OUT.pcap and OUT.json)");
  const std::uint64_t count = std::strtoull(argv[1], nullptr, 10);
  std::FILE* key_file = std::fopen(argv[2], "r");
  EVP_PKEY* key = key_file != nullptr ? PEM_read_PrivateKey(key_file, nullptr, nullptr, nullptr) : nullptr;
  if (key == nullptr) die(fmt::format("{}: no private key", argv[2]));
  std::fclose(key_file);
  const std::string stem = argv[3];
  std::FILE* out = std::fopen((stem + ".pcap").c_str(), "wb");
  std::FILE* truth = std::fopen((stem + ".json").c_str(), "w");
  if (out == nullptr || truth == nullptr) die(stem + ": can't be written");
  std::string header;
  put(header, 0xa1b2c3d4, 4, false);
  put(header, 2, 2, false);
  put(header, 4, 2, false);
  put(header, 0, 8, false);
  put(header, 65535, 4, false);
  put(header, 1, 4, false);
  std::fwrite(header.data(), 1, header.size(), out);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string bytes = record(invite(key, i), i);
    if (std::fwrite(bytes.data(), 1, bytes.size(), out) != bytes.size()) die(stem + ".pcap: writing failed");
  }
  fmt::print(truth,
             R"({{"passports": {0}, "packets": {0}}})"
             "\n",
             count);
  const bool written = std::fclose(out) == 0;
  if (std::fclose(truth) != 0 || !written) die(stem + ": writing failed");
  EVP_PKEY_free(key);
  return 0;
}
