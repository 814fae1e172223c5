#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "analyze/stir/judge.h"
#include "analyze/stir/rules.h"
#include "base/codec.h"
#include "base/text.h"
#include "crypto/digest.h"

namespace voip::analyze::stir {

using namespace rules;  // NOLINT: constants of this room

namespace {

using crypto::StirOutcome;
using passport::Json;
using report::Severity;

constexpr unsigned kMaxNested = 4;
constexpr std::size_t kMaxDigests = 64;

bool holds(const std::vector<std::string>& keys, const std::string& key) {
  return !key.empty() && std::ranges::binary_search(keys, key);
}

// RFC 6901. Null when it leads nowhere; `rest` is what is left when a string stands in the way.
const Json* resolve(const Json& from, std::string_view pointer, std::string_view& rest) {
  const Json* at = &from;
  while (!pointer.empty()) {
    if (!pointer.starts_with('/')) return nullptr;
    if (at->is_string()) break;
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    std::string name(pointer.substr(0, end));
    pointer.remove_prefix(end);
    for (std::size_t i = name.find('~'); i != std::string::npos; i = name.find('~', i + 1)) {
      if (name.compare(i, 2, "~1") == 0) name.replace(i, 2, "/");
      if (name.compare(i, 2, "~0") == 0) name.replace(i, 2, "~");
    }
    if (at->is_array()) {
      const auto index = parse_number<std::size_t>(name);
      if (!index || *index >= at->items.size()) return nullptr;
      at = &at->items[*index];
    } else {
      at = at->find(name);
      if (at == nullptr) return nullptr;
    }
  }
  rest = pointer;
  return at;
}

bool is_link(const std::string& text) { return istarts_with(text, "https://") || istarts_with(text, "http://"); }

}  // namespace

// RFC 8946 section 4 and 5: each div token hangs on the one before it, the first one on a token that is none.
Judge::Diversions Judge::chain_of(const Works& works) {
  Diversions chain;
  chain.anchor.assign(works.size(), works.size());
  chain.followed.assign(works.size(), false);
  const auto chained = [](const Work& work) { return work.diverts() && !work.claims.opt; };
  const auto continues = [](const Work& before, const Work& work) {
    return holds(before.dest_keys, work.div_key) && work.orig_key == before.orig_key;
  };
  for (std::size_t i = 0; i < works.size(); ++i) {
    if (!works[i]->diverts() && !works[i]->dest_keys.empty()) chain.reached.push_back(i);
  }
  chain.originals = chain.reached.size();
  for (std::size_t i = 0; i < works.size() && chain.originals == 0; ++i) {
    // Without the original, what is left of the chain begins with the one that follows none of the others.
    const auto leads_to = [&](const auto& other) {
      return chained(*other) && other != works[i] && continues(*other, *works[i]);
    };
    if (chained(*works[i]) && std::ranges::none_of(works, leads_to)) chain.reached.push_back(i);
  }
  chain.heads = chain.reached.size();
  std::vector<bool> in_chain(works.size(), false);
  for (const std::size_t one : chain.reached) in_chain[one] = true;
  for (std::size_t next = 0; next < chain.reached.size(); ++next) {
    const Work& before = *works[chain.reached[next]];
    for (std::size_t i = 0; i < works.size(); ++i) {
      const Work& work = *works[i];
      if (!chained(work) || in_chain[i] || !continues(before, work)) continue;
      if (work.record.iat && before.record.iat && *work.record.iat < *before.record.iat) continue;
      chain.anchor[i] = chain.reached[next];
      chain.followed[chain.reached[next]] = true;
      chain.reached.push_back(i);
      in_chain[i] = true;
    }
  }
  return chain;
}

// What kept a div token from the chain: the nearest miss.
std::string Judge::why_unlinked(const Works& works, const Work& work) {
  for (const auto& other : works) {
    if (other.get() == &work || !holds(other->dest_keys, work.div_key)) continue;
    if (other->orig_key != work.orig_key) {
      return fmt::format("orig is {}, before the diversion it was {}", clip(work.record.orig.text()),
                         clip(other->record.orig.text()));
    }
    if (work.record.iat && other->record.iat && *work.record.iat < *other->record.iat) {
      return "signed before the PASSporT that it diverts";
    }
    return "the chain does not begin with an original PASSporT";
  }
  return fmt::format("div is {}, which no other PASSporT was sent to", clip(work.claims.div.text()));
}

void Judge::check_diversions(const Request& request, Works& works) {
  if (std::ranges::none_of(works, [](const auto& work) { return work->diverts(); })) return;
  const Diversions chain = chain_of(works);
  for (std::size_t i = 0; i < works.size(); ++i) {
    Work& work = *works[i];
    IdentityRecord& record = work.record;
    if (!work.diverts()) continue;
    if (work.claims.opt) {
      check_nested(work, request);
    } else if (chain.anchor[i] != works.size()) {
      record.set(Check::kDiv, Outcome::kPass);
    } else if (chain.originals == 0) {
      work.note(kDivAlone, "a div PASSporT stands without the one of the original call");
      record.set(Check::kDiv, Outcome::kUnknown, "there is no original PASSporT");
    } else if (work.claims.div.empty()) {
      record.set(Check::kDiv, Outcome::kFail, "there is no div");
    } else {
      std::string why = why_unlinked(works, work);
      work.note(kDivChain, why);
      record.set(Check::kDiv, Outcome::kFail, std::move(why));
    }
    if (!chain.followed[i] && record[Check::kDest].outcome == Outcome::kFail) {
      work.note(kDivChain, fmt::format("the last {}", record[Check::kDest].why));
    }
  }
  explain_by_diversions(chain, works);
}

// That a request no longer goes where a token says is explained by a diversion that is proven itself. The end of the
// chain comes first: what follows decides on what is before it.
void Judge::explain_by_diversions(const Diversions& chain, Works& works) {
  for (std::size_t next = chain.reached.size(); next-- > 0;) {
    const std::size_t one = chain.reached[next];
    IdentityRecord& record = works[one]->record;
    if (record[Check::kDest].outcome != Outcome::kFail) continue;
    for (std::size_t i = 0; i < works.size(); ++i) {
      if (chain.anchor[i] != one) continue;
      const CallVerdict diversion = verdict_of(works[i]->record);
      if (diversion == CallVerdict::kValid) {
        record[Check::kDest] = {Outcome::kPass, {}};
        break;
      }
      if (diversion == CallVerdict::kUnverifiable) {
        record[Check::kDest] = {Outcome::kUnknown, "a diversion that can't be verified would explain the number"};
      }
    }
  }
  for (std::size_t i = 0; i < works.size(); ++i) {
    const std::size_t before = chain.anchor[i];
    if (before == works.size() || works[before]->diverts()) continue;
    IdentityRecord& original = works[before]->record;
    // The first token ages while the call rings elsewhere.
    if (original[Check::kFreshness].outcome != Outcome::kFail || !works[i]->record.passes(Check::kFreshness)) continue;
    for (Note& note : original.notes) {
      if (note.rule != &kStale) continue;
      note.severity = Severity::kInfo;
      note.text += "; a fresh diversion explains it, but it no longer proves the call";
    }
  }
  // What hangs on a token that could not be verified is not verified either.
  for (std::size_t next = chain.heads; next < chain.reached.size(); ++next) {
    const IdentityRecord& before = works[chain.anchor[chain.reached[next]]]->record;
    IdentityRecord& record = works[chain.reached[next]]->record;
    if (record[Check::kDiv].outcome != Outcome::kPass) continue;
    if (chain.originals == 0) {
      record[Check::kDiv] = {Outcome::kUnknown, "there is no original PASSporT"};
    } else if (verdict_of(before) == CallVerdict::kUnverifiable) {
      record[Check::kDiv] = {Outcome::kUnknown, "the PASSporT that it diverts can't be verified"};
    }
  }
}

void Judge::check_nested(Work& work, const Request& request) {
  std::string why;
  const Outcome outcome = judge_nested(*work.claims.opt, work.claims, request, 0, work.record.more_urls, why);
  if (outcome == Outcome::kFail) work.note(kDivChain, why);
  work.record.set(Check::kDiv, outcome, std::move(why));
}

// The original inside opt has to be as good as one in a header field of its own.
Outcome Judge::judge_nested(std::string_view token, const passport::Claims& outer, const Request& request,
                            unsigned depth, std::vector<std::string>& urls, std::string& why) {
  if (depth >= kMaxNested) {
    why = "opt is nested too deep";
    return Outcome::kUnknown;
  }
  const passport::Passport inner = passport::parse_passport(token);
  if (inner.form != passport::Form::kFull || inner.malformed()) {
    why = "opt holds no well-formed PASSporT";
    return Outcome::kFail;
  }
  const passport::Claims claims = passport::read_claims(inner);
  const std::string ppt = claims.ppt.value_or("");
  if (const auto problems = passport::claim_problems(inner, claims, ppt); !problems.empty()) {
    why = "in opt: " + problems.front();
    return Outcome::kFail;
  }
  if (claims.alg != "ES256") {
    why = "in opt: alg is not ES256";
    return Outcome::kFail;
  }
  std::vector<std::string> dests;
  for (const passport::Party& party : claims.dest) dests.push_back(key_of(party));
  std::ranges::sort(dests);
  if (!holds(dests, key_of(outer.div))) {
    why = fmt::format("div is {}, which the PASSporT in opt was not sent to", clip(outer.div.text()));
    return Outcome::kFail;
  }
  if (key_of(claims.orig) != key_of(outer.orig)) {
    why = "orig differs from that of the PASSporT in opt";
    return Outcome::kFail;
  }
  if (claims.iat && outer.iat && *outer.iat < *claims.iat) {
    why = "signed before the PASSporT in opt";
    return Outcome::kFail;
  }
  const auto now = time_of(&request);
  if (claims.iat && now && !fresh(*claims.iat, *now)) {
    why = fmt::format("the PASSporT in opt was signed {} s before the call", *now - *claims.iat);
    return Outcome::kFail;
  }
  if (!passport::known_ppt(ppt) || !claims.x5u) {
    why = claims.x5u ? fmt::format("ppt {} in opt is not known", clip(ppt)) : "x5u is missing in opt";
    return claims.x5u ? Outcome::kUnknown : Outcome::kFail;
  }
  urls.push_back(*claims.x5u);
  const Store::Found& found = store_.certificate(*claims.x5u);
  if (!found.at_hand) {
    why = fmt::format("no local copy of {} (in opt)", clip(*claims.x5u, 160));
    return Outcome::kUnknown;
  }
  if (store_.certificates().verify(found.file, as_bytes(inner.signing_input), inner.signature) !=
      crypto::Es256::kValid) {
    why = "the signature of the PASSporT in opt does not verify";
    return Outcome::kFail;
  }
  const bool diverts = ppt == "div" || ppt == "div-o";
  const crypto::ClaimLookup lookup = [&](std::string_view name) -> std::optional<crypto::ClaimValue> {
    const Json* value = inner.payload.find(name);
    if (value == nullptr) return std::nullopt;
    crypto::ClaimValue out{value->is_string() ? value->text : value->canonical(), {}};
    for (const Json& item : value->is_array() ? value->items : std::vector<Json>{}) {
      out.elements.push_back(item.is_string() ? item.text : item.canonical());
    }
    return out;
  };
  const passport::Party& holder = diverts ? claims.div : claims.orig;
  const std::string number = holder.tn.empty() ? std::string{} : key_of(holder);
  const auto judgement =
      store_.certificates().judge(found.file, {.iat = claims.iat, .at = now, .number = number, .claims = &lookup});
  for (const crypto::StirCheck* check : {&judgement.certificate, &judgement.chain, &judgement.validity,
                                         &judgement.tnauthlist, &judgement.constraints, &judgement.revocation}) {
    if (check->outcome != StirOutcome::kFail) continue;
    why = fmt::format("the certificate of the PASSporT in opt: {}",
                      check->problems.empty() ? "refused" : crypto::to_string(check->problems.front().defect));
    return Outcome::kFail;
  }
  for (const crypto::StirCheck* check :
       {&judgement.certificate, &judgement.chain, &judgement.validity, &judgement.tnauthlist}) {
    if (check->outcome != StirOutcome::kSkip) continue;
    why = "the certificate of the PASSporT in opt can't be verified";
    return Outcome::kUnknown;
  }
  if (ppt == "shaken" && claims.attest != "A" && claims.attest != "B" && claims.attest != "C") {
    why = "attest of the PASSporT in opt is not A, B or C";
    return Outcome::kFail;
  }
  if (diverts) {
    if (claims.opt) return judge_nested(*claims.opt, claims, request, depth + 1, urls, why);
    why = "the PASSporT in opt has no original";
    return Outcome::kUnknown;
  }
  return Outcome::kPass;
}

// --- rich call data (RFC 9795) ------------------------------------------------------------------------------------

void Judge::check_rcd_digest(Work& work, const std::string& pointer, const Json& value) {
  IdentityRecord& record = work.record;
  const auto fail = [&](std::string why) {
    work.note(kRcd, why);
    record.set(Check::kRcd, Outcome::kFail, std::move(why));
  };
  const std::size_t dash = value.is_string() ? value.text.find('-') : std::string::npos;
  if (dash == std::string::npos) return fail(fmt::format("the digest of {} is malformed", clip(pointer)));
  const std::string name = to_lower(value.text.substr(0, dash));
  std::string encoded = value.text.substr(dash + 1);
  std::ranges::replace(encoded, '-', '+');
  std::ranges::replace(encoded, '_', '/');
  std::optional<crypto::Hash> hash;
  if (name == "sha256" || name == "sha-256") hash = crypto::Hash::kSha256;
  if (name == "sha384" || name == "sha-384") hash = crypto::Hash::kSha384;
  if (name == "sha512" || name == "sha-512") hash = crypto::Hash::kSha512;
  if (!hash) {
    return record.set(Check::kRcd, Outcome::kUnknown, fmt::format("digest {} is not known", clip(name)));
  }
  const auto wanted = decode_base64(encoded);
  if (!wanted || wanted->size() != crypto::digest_size(*hash)) {
    return fail(fmt::format("the digest of {} is malformed", clip(pointer)));
  }
  const auto matches = [&](std::string_view bytes) {
    return std::ranges::equal(crypto::digest(*hash, as_bytes(bytes)).view(), *wanted);
  };
  std::string_view rest;
  const Json* target = work.claims.rcd == nullptr ? nullptr : resolve(*work.claims.rcd, pointer, rest);
  passport::JsonText linked;
  // Each string in the way is a link to JSON that the pointer goes on in.
  for (unsigned depth = 0; target != nullptr && !rest.empty(); ++depth) {
    if (depth >= kMaxNested || !is_link(target->text)) {
      target = nullptr;
      break;
    }
    const std::string* content = store_.content(target->text);
    if (content == nullptr) {
      return record.set(Check::kRcd, Outcome::kUnknown, fmt::format("no local copy of {}", clip(target->text, 160)));
    }
    linked = passport::parse_json(*content);
    target = linked.ok ? resolve(linked.value, rest, rest) : nullptr;
  }
  if (target == nullptr) return fail(fmt::format("a digest is about {}, which is not there", clip(pointer)));
  bool good = false;
  if (target->is_string() && is_link(target->text)) {
    const std::string* content = store_.content(target->text);
    if (content == nullptr) {
      return record.set(Check::kRcd, Outcome::kUnknown, fmt::format("no local copy of {}", clip(target->text, 160)));
    }
    good = matches(*content);
  } else if (target->is_string()) {
    good = matches(target->text) || matches(target->canonical());
  } else {
    good = matches(target->canonical());
  }
  if (!good) return fail(fmt::format("the digest of {} does not match", clip(pointer)));
}

void Judge::check_rcd(Work& work, const Request* request) {
  IdentityRecord& record = work.record;
  const passport::Claims& claims = work.claims;
  if (record.ppt != "rcd" && claims.rcd == nullptr && claims.rcdi == nullptr) {
    if (claims.crn != nullptr) {
      record.set(Check::kRcd, claims.crn->is_string() ? Outcome::kPass : Outcome::kFail, "crn is not a text");
    }
    return;
  }
  const auto fail = [&](std::string why) {
    work.note(kRcd, why);
    record.set(Check::kRcd, Outcome::kFail, std::move(why));
  };
  if (!work.passport.payload.is_object()) return record.set(Check::kRcd, Outcome::kUnknown, "no claims");
  if (claims.rcd == nullptr) {
    if (claims.crn == nullptr || claims.rcdi != nullptr) return fail("rcd is missing");
    return record.set(Check::kRcd, claims.crn->is_string() ? Outcome::kPass : Outcome::kFail, "crn is not a text");
  }
  if (!claims.rcd->is_object()) return fail("rcd is not an object");
  const std::string* name = claims.rcd->find_string("nam");
  if (name == nullptr) fail("nam is missing");
  for (const char* link : {"icn", "jcl"}) {
    const Json* value = claims.rcd->find(link);
    if (value == nullptr) continue;
    if (!value->is_string()) {
      fail(fmt::format("{} is not a text", link));
      continue;
    }
    if (!istarts_with(value->text, "https://")) {
      std::string why = fmt::format("{} is {}, not https", link, clip(value->text, 120));
      work.note(kRcd, why);
      record.set(Check::kRcd, Outcome::kWarn, std::move(why));
    }
    const std::string pointer = std::string("/") + link;
    if (claims.rcdi == nullptr || claims.rcdi->find(pointer) == nullptr) {
      std::string why = fmt::format("there is no digest of {}", link);
      work.note(kRcd, why);
      record.set(Check::kRcd, Outcome::kWarn, std::move(why));
    }
  }
  if (claims.rcdi != nullptr) {
    if (!claims.rcdi->is_object()) return fail("rcdi is not an object");
    for (std::size_t i = 0; i < claims.rcdi->names.size() && i < kMaxDigests; ++i) {
      check_rcd_digest(work, claims.rcdi->names[i], claims.rcdi->items[i]);
    }
  }
  if (request != nullptr && name != nullptr) {
    const Address* shown = !request->asserted.empty() && !request->asserted.front().display.empty()
                               ? &request->asserted.front()
                               : &request->from;
    if (!shown->display.empty() && shown->display != *name) {
      std::string why = fmt::format("the name shown is {}, the signed one is {}", clip(shown->display), clip(*name));
      work.note(kRcd, why, Severity::kHigh);
      record.set(Check::kRcd, Outcome::kWarn, std::move(why));
    }
  }
  // A missing copy outranks what only warns: the contents are not known.
  if (record[Check::kRcd].outcome == Outcome::kNotApplicable) record.set(Check::kRcd, Outcome::kPass);
}

// --- resource priority (RFC 8443, RFC 9027) -------------------------------------------------------------------------

void Judge::check_rph(Work& work, const Request& request) {
  IdentityRecord& record = work.record;
  const passport::Claims& claims = work.claims;
  if (claims.rph == nullptr && claims.sph == nullptr && record.ppt != "rph") return;
  const auto fail = [&](const report::Rule& rule, std::string why) {
    work.note(rule, why);
    record.set(Check::kRph, Outcome::kFail, std::move(why));
  };
  if (!request.head_known) return record.set(Check::kRph, Outcome::kUnknown, "the capture cut the header fields");
  if (claims.rph != nullptr) {
    const Json* auth = claims.rph->find("auth");
    if (auth == nullptr || !auth->is_array()) return fail(kRph, "rph has no list auth");
    std::vector<std::string> granted;
    for (const Json& item : auth->items) {
      if (item.is_string()) granted.push_back(to_lower(item.text));
    }
    std::ranges::sort(granted);
    for (const std::string& value : granted) {
      if (!std::ranges::binary_search(request.resource_priority, value)) {
        return fail(kRph, fmt::format("{} is signed for, Resource-Priority does not have it", clip(value)));
      }
    }
    for (const std::string& value : request.resource_priority) {
      const std::string_view space = std::string_view(value).substr(0, value.find('.'));
      if (space != "ets" && space != "wps" && space != "esnet") continue;
      if (!std::ranges::binary_search(granted, value)) {
        return fail(kRph, fmt::format("Resource-Priority has {}, which is not signed for", clip(value)));
      }
    }
    const bool emergency =
        std::ranges::any_of(granted, [](const std::string& one) { return one.starts_with("esnet"); });
    if (emergency && !request.emergency && request.priority != "psap-callback" && request.to.number != "933") {
      work.note(kSph, "esnet priority is signed for on a call that is neither an emergency call nor a call-back");
    }
  }
  if (claims.sph != nullptr) {
    if (!claims.sph->is_string()) return fail(kSph, "sph is not a text");
    if (to_lower(claims.sph->text) != request.priority) {
      return fail(kSph, fmt::format("sph is {}, Priority is {}", clip(claims.sph->text),
                                    request.priority.empty() ? "missing" : clip(request.priority)));
    }
  }
  if (claims.rph == nullptr && claims.sph == nullptr) return fail(kRph, "rph is missing");
  record.set(Check::kRph, Outcome::kPass);
}

// --- media keys (RFC 8225 section 5.2.2) ----------------------------------------------------------------------------

void Judge::check_mky(Work& work, const Request& request) {
  IdentityRecord& record = work.record;
  if (work.claims.mky == nullptr) return;
  const auto keys = passport::read_media_keys(*work.claims.mky);
  const auto fail = [&](std::string why) {
    work.note(kMky, why);
    record.set(Check::kMky, Outcome::kFail, std::move(why));
  };
  if (!keys) return fail("mky is malformed");
  if (!request.body_known || !request.head_known) {
    return record.set(Check::kMky, Outcome::kUnknown, "the capture cut the SDP");
  }
  if (*keys == request.media_keys) return record.set(Check::kMky, Outcome::kPass);
  if (request.media_keys.empty()) return fail("fingerprints are signed for, the SDP has none");
  fail(fmt::format("the SDP's fingerprint {} {} is not the signed one ({} {})", clip(request.media_keys.front().alg),
                   clip(request.media_keys.front().dig, 16), clip(keys->front().alg), clip(keys->front().dig, 16)));
}

}  // namespace voip::analyze::stir
