#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "crypto/crl.h"
#include "crypto/stir_certificate.h"
#include "crypto/stir_extensions.h"
#include "crypto/x509.h"

// The input's first byte says what the rest is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace voip;
  if (size == 0) return 0;
  const ByteView rest{data + 1, size - 1};
  if (data[0] == 'T') {
    const auto list = crypto::TnAuthList::parse(rest);
    if (list.ok()) {
      if (!list->encompasses(*list) || list->entries().empty()) std::abort();
      for (const crypto::TnEntry& entry : list->entries()) {
        if (entry.kind != crypto::TnEntry::Kind::kSpc && !list->names(entry.text)) std::abort();
      }
    }
  } else if (data[0] == 'C' || data[0] == 'E') {
    const auto constraints = crypto::ClaimConstraints::parse(rest, data[0] == 'E');
    const crypto::ClaimLookup nothing = [](std::string_view) { return std::nullopt; };
    if (constraints.ok() && constraints->broken_by(nothing).size() != constraints->must_include.size()) std::abort();
  } else if (data[0] == 'L') {
    const crypto::CrlPtr list = crypto::Crl::parse(rest);
    if (list != nullptr && list->size() > size) std::abort();
  } else {
    // The file is its own root: every path that can be made is.
    crypto::StirCertificates store;
    (void)store.add_roots(rest);
    const auto file = store.add_file(rest);
    const auto judged = store.judge(file, {.iat = 1, .at = 1, .number = "12155550100"});
    if ((judged.leaf == nullptr) != (store.leaf(file) == nullptr)) std::abort();
  }
  return 0;
}
