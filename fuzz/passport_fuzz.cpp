#include <cstdlib>
#include <string>

#include "proto/passport/identity.h"
#include "proto/passport/number.h"
#include "proto/passport/passport.h"

// Whatever comes, views lie within the text, canonical JSON reads back as itself, and numbers stay numbers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace voip;
  const std::string_view text = as_text({data, size});
  for (const passport::IdentityValue& value : passport::parse_identity(text)) {
    if (value.token.size() > size) std::abort();
    const passport::Passport passport = passport::parse_passport(value.token);
    if (passport.signing_input.size() > value.token.size()) std::abort();
    const passport::Claims claims = passport::read_claims(passport);
    for (const std::string_view ppt : {"", "shaken", "div-o", "rcd", "rph"}) {
      (void)passport::claim_problems(passport, claims, ppt);
    }
    if (claims.mky != nullptr) (void)passport::read_media_keys(*claims.mky);
    passport::Rebuilt parts;
    parts.x5u = value.info.value_or("");
    parts.orig = claims.orig;
    (void)passport::rebuild(parts);
  }
  const passport::JsonText json = passport::parse_json(text);
  if (json.ok && !json.duplicate) {
    const std::string canonical = json.value.canonical();
    const passport::JsonText again = passport::parse_json(canonical);
    if (!again.ok || again.value.canonical() != canonical) std::abort();
  }
  for (const std::string_view country : {"", "1", "44", "39"}) {
    const std::string number = passport::canonical_number(text.substr(0, 64), country, "+49");
    if (!number.empty() && !passport::is_canonical_tn(number) && number.size() <= 32) std::abort();
  }
  return 0;
}
