#include <cstdlib>

#include "base/bytes.h"
#include "proto/sdp/sdp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace voip;
  sdp::Parser parser{8, 32};
  for (int again = 0; again < 2; ++again) {  // storage is used again
    const auto sdp = parser.parse(as_text({data, size}));
    if (!sdp) continue;
    if (sdp->media.size() > 8 || sdp->attributes.size() > 32) std::abort();
    for (const sdp::Media& media : sdp->media) {
      if (media.attributes.size() > 32 || media.formats.size() > size) std::abort();
      for (const sdp::Crypto& crypto : media.cryptos) {
        if (crypto.key_params.size() + crypto.suite.size() > size) std::abort();
      }
      for (const sdp::RtpMap& map : media.rtpmaps) {
        if (map.payload_type > 127) std::abort();
      }
    }
  }
  return 0;
}
