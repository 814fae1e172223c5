// SRTP and SRTCP packets of any shape under keys of every suite, and the search for their key.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "crypto/srtp.h"
#include "crypto/srtp_search.h"

using namespace voip;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::vector<std::shared_ptr<crypto::SrtpKey>> keys = [] {
    std::vector<std::shared_ptr<crypto::SrtpKey>> made;
    for (const auto& suite : crypto::srtp_suites()) {
      const std::vector<std::uint8_t> key(suite.key_size, 1), salt(suite.salt_size, 2);
      for (const std::size_t mki : {std::size_t{0}, std::size_t{4}}) {
        crypto::SrtpParameters parameters;
        parameters.mki_size = mki;
        if (mki != 0) parameters.key_derivation_rate = 16;
        auto one = crypto::SrtpKey::make(suite, key, salt, parameters);
        if (one.ok()) made.push_back(std::make_shared<crypto::SrtpKey>(std::move(*one)));
      }
    }
    return made;
  }();
  if (size < 2) return 0;
  const std::size_t header_size = data[0];
  const std::uint32_t roc = data[1];
  const ByteView packet{data + 2, size - 2};
  std::vector<std::uint8_t> out(packet.size());
  crypto::KeySearch search;
  for (const auto& key : keys) {
    (void)key->verify_rtp(packet, header_size, roc);
    if (const auto n = key->decrypt_rtp(packet, header_size, roc, out); n.has_value() && *n > packet.size())
      std::abort();
    if (const auto how = key->verify_rtcp(packet)) {
      if (!key->decrypt_rtcp(packet, *how, out).has_value()) std::abort();
    }
    (void)key->decrypt_rtcp(packet, {.index = roc, .encrypted = true, .tag_size = header_size % 20}, out);
    (void)search.add(key);
  }
  for (std::size_t n = packet.size(); n + 3 > packet.size() && n > 0; --n)
    (void)search.check(packet.first(n), header_size);
  return 0;
}
