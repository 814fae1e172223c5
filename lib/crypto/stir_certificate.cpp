#include "crypto/stir_certificate.h"

#include <algorithm>
#include <utility>

#include "base/codec.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/stir_checks.h"
#include "crypto/x509_path.h"

namespace voip::crypto {

namespace {

constexpr std::size_t kMaxFiles = 65536;
constexpr std::size_t kMaxPerFile = 64;
constexpr std::size_t kMaxRoots = 4096;
constexpr std::size_t kMaxCrls = 1024;
constexpr std::size_t kMaxSigners = 256;
constexpr std::size_t kMaxReasons = 8;

int weight(StirOutcome outcome) {
  switch (outcome) {
    case StirOutcome::kPass: return 0;
    case StirOutcome::kWarn: return 1;
    case StirOutcome::kSkip: return 2;
    case StirOutcome::kFail: return 3;
  }
  return 0;
}

// The first, as RFC 7515 section 4.1.5 has it, unless that is an authority and another is not. Of authorities only: the
// first that issued none of the others.
const Certificate* choose_leaf(const std::vector<CertificatePtr>& certificates) {
  if (certificates.empty()) return nullptr;
  if (!certificates.front()->facts().is_ca) return certificates.front().get();
  const Certificate* end_entity = nullptr;
  for (const CertificatePtr& one : certificates) {
    if (one->facts().is_ca) continue;
    if (end_entity == nullptr || (!end_entity->facts().p256 && one->facts().p256)) end_entity = one.get();
  }
  if (end_entity != nullptr) return end_entity;
  for (const CertificatePtr& one : certificates) {
    const bool issuer = std::ranges::any_of(certificates, [&](const CertificatePtr& other) {
      return other != one && other->issuer_key() == one->subject_key();
    });
    if (!issuer) return one.get();
  }
  return certificates.front().get();
}

}  // namespace

void StirCheck::add(StirOutcome at_least, StirProblem problem) {
  if (weight(at_least) > weight(outcome) || (problems.empty() && outcome == StirOutcome::kSkip)) outcome = at_least;
  problems.push_back(std::move(problem));
}

struct StirCertificates::State {
  // What does not depend on a question.
  struct Way {
    std::vector<const Certificate*> certificates;
    StirJudgement judged;  // certificate, chain, policy, notes; what of tnauthlist needs no number
  };
  struct File {
    std::vector<CertificatePtr> certificates;
    const Certificate* leaf = nullptr;
    std::size_t unreadable = 0;
    std::uint64_t generation = 0;  // of the roots that `ways` were found with; 0: not yet
    std::vector<Way> ways;
  };
  // A list and who signed it.
  struct List {
    CrlPtr crl;
    bool resolved = false;
    std::vector<const Certificate*> signer{};  // with what is above it; empty: not verified
    StirDefect defect = StirDefect::kCrlSignerUnknown;
    std::map<std::string, bool> by_authority{};  // by SHA-256 of an authority of a path: whether it signed this
  };
  enum class Usable : std::uint8_t { kNo, kAuthentic, kYes };

  StirOptions options;
  TrustAnchors roots;
  std::uint64_t generation = 1;
  std::vector<File> files;
  std::map<std::string, FileId> by_hash;
  std::vector<CertificatePtr> crl_trust;
  std::vector<CertificatePtr> crl_certificates;
  std::vector<List> lists;

  void search(File& file);
  Way judge_way(const File& file, const FoundPath& path) const;
  bool other_crl_issuer(const X509Facts& leaf) const;
  StirJudgement answer(const Way& way, const StirQuestion& question);
  void judge_revocation(const Way& way, const StirQuestion& question, StirJudgement& judged);
  void resolve(List& list) const;
  bool signed_by_authority(List& list, const Way& way, std::size_t position) const;
  Usable usability(List& list, const Way& way, std::size_t position, std::int64_t at, StirProblem& why);
};

void StirCertificates::State::search(File& file) {
  file.ways.clear();
  file.generation = generation;
  if (file.leaf == nullptr) return;
  for (const FoundPath& path : find_paths(*file.leaf, file.certificates, roots)) {
    file.ways.push_back(judge_way(file, path));
  }
}

StirCertificates::State::Way StirCertificates::State::judge_way(const File& file, const FoundPath& path) const {
  Way way;
  way.certificates = path.certificates;
  StirJudgement& judged = way.judged;
  judged.leaf = &file.leaf->facts();
  for (const Certificate* one : path.certificates) judged.path.push_back(&one->facts());
  judged.complete = path.end == PathEnd::kAnchor;
  judged.certificate = check_stir_certificate(judged.path, options);
  judged.chain = check_stir_chain(path, !roots.empty());
  judged.tnauthlist = check_stir_delegation(judged.path, judged.delegate);
  judged.policy = check_stir_policy(*judged.leaf);
  judged.notes = note_stir_profile(judged.path);
  if (other_crl_issuer(*judged.leaf)) {
    judged.notes.add(StirOutcome::kWarn, {StirDefect::kOtherCrlIssuer, 0, judged.leaf->crl_issuer});
  }
  if (file.unreadable != 0) {
    judged.notes.add(StirOutcome::kWarn, {StirDefect::kExtraBlocks, 0, std::to_string(file.unreadable)});
  }
  return way;
}

// Only where it names one, and where it is known who has to sign lists.
bool StirCertificates::State::other_crl_issuer(const X509Facts& leaf) const {
  if (leaf.crl_issuer.empty() || crl_trust.empty()) return false;
  return std::ranges::none_of(crl_trust, [&](const auto& one) { return one->facts().subject == leaf.crl_issuer; }) &&
         std::ranges::none_of(lists, [&](const List& one) { return one.crl->issuer() == leaf.crl_issuer; });
}

StirJudgement StirCertificates::State::answer(const Way& way, const StirQuestion& question) {
  StirJudgement judged = way.judged;
  judged.validity = check_stir_validity(judged.path, question.iat, question.at);
  add_stir_number(*judged.leaf, question.number, judged.tnauthlist);
  judged.constraints = check_stir_constraints(judged.path, question.claims);
  judge_revocation(way, question, judged);
  return judged;
}

// By the STI-PA's own certificates; by others only of the list's file, when they lead to those.
void StirCertificates::State::resolve(List& list) const {
  if (list.resolved) return;
  list.resolved = true;
  list.signer.clear();
  list.defect = StirDefect::kCrlSignerUnknown;
  const auto try_signer = [&](const CertificatePtr& candidate, bool trusted) {
    if (!list.signer.empty() || candidate->subject_key() != list.crl->issuer_key()) return;
    if (!list.crl->signed_by(*candidate)) {
      list.defect = StirDefect::kCrlBadSignature;
      return;
    }
    const X509Facts& facts = candidate->facts();
    std::vector<const Certificate*> above{candidate.get()};
    bool fine = facts.malformed.empty() && (!facts.has_key_usage || facts.crl_sign);
    if (!trusted) {
      TrustAnchors anchors;
      for (const CertificatePtr& one : crl_trust) {
        if (one->facts().is_ca) anchors.emplace(one->subject_key(), one);
      }
      const std::vector<FoundPath> paths = find_paths(*candidate, crl_certificates, anchors);
      fine = fine && paths.front().end == PathEnd::kAnchor && problems_of(paths.front()).empty();
      above = paths.front().certificates;
    }
    if (fine) {
      list.signer = std::move(above);
    } else {
      list.defect = StirDefect::kCrlSignerInvalid;
    }
  };
  for (const CertificatePtr& one : crl_trust) try_signer(one, true);
  for (const CertificatePtr& one : crl_certificates) try_signer(one, false);
}

// A list of the authority itself, about what it issued.
bool StirCertificates::State::signed_by_authority(List& list, const Way& way, std::size_t position) const {
  if (!way.judged.complete || way.judged.chain.outcome != StirOutcome::kPass || list.crl->indirect()) return false;
  if (position + 1 >= way.certificates.size()) return false;
  const Certificate& issuer = *way.certificates[position + 1];
  if (issuer.subject_key() != list.crl->issuer_key()) return false;
  if (issuer.facts().has_key_usage && !issuer.facts().crl_sign) return false;
  const auto known = list.by_authority.find(issuer.facts().sha256);
  if (known != list.by_authority.end()) return known->second;
  const bool fits = list.crl->signed_by(issuer);
  if (list.by_authority.size() < kMaxSigners) list.by_authority.emplace(issuer.facts().sha256, fits);
  return fits;
}

StirCertificates::State::Usable StirCertificates::State::usability(List& list, const Way& way, std::size_t position,
                                                                   std::int64_t at, StirProblem& why) {
  resolve(list);
  const Crl& crl = *list.crl;
  why = {list.defect, position, crl.issuer()};
  const bool own = list.signer.empty() && signed_by_authority(list, way, position);
  if (list.signer.empty() && !own) return Usable::kNo;
  if (!crl.defect().empty()) {
    why = {StirDefect::kCrlUnusable, position, crl.defect()};
    return Usable::kNo;
  }
  for (const Certificate* one : list.signer) {
    if (at < one->facts().not_before || at > one->facts().not_after) {
      why = {
          StirDefect::kCrlSignerInvalid, position,
          one->facts().subject + ", " + utc_text(one->facts().not_before) + " to " + utc_text(one->facts().not_after)};
      return Usable::kAuthentic;
    }
  }
  if (at < crl.this_update()) {
    why = {StirDefect::kCrlNotYetCurrent, position, utc_text(crl.this_update())};
    return Usable::kAuthentic;
  }
  if (!crl.next_update().has_value() || at > *crl.next_update()) {
    why = {StirDefect::kCrlNotCurrent, position,
           crl.next_update().has_value() ? utc_text(*crl.next_update()) : "no nextUpdate"};
    return Usable::kAuthentic;
  }
  why = {StirDefect::kCrlNotCovering, position, crl.issuer()};
  return Usable::kYes;
}

void StirCertificates::State::judge_revocation(const Way& way, const StirQuestion& question, StirJudgement& judged) {
  StirCheck& check = judged.revocation;
  if (lists.empty() || !question.at.has_value()) {
    check.add(StirOutcome::kSkip, {StirDefect::kNoCrl, 0, {}});
    return;
  }
  std::vector<StirProblem> reasons;
  const auto give_reason = [&](StirProblem why) {
    const bool known = std::ranges::any_of(
        reasons, [&](const StirProblem& one) { return one.defect == why.defect && one.detail == why.detail; });
    if (!known && reasons.size() < kMaxReasons) reasons.push_back(std::move(why));
  };
  // A root is trusted by hand and taken back by hand; an authority under one can be revoked even if it was given as
  // one.
  const bool to_root = judged.complete && way.certificates.back()->facts().self_issued;
  const std::size_t judged_certificates = way.certificates.size() - (to_root ? 1 : 0);
  bool leaf_covered = false;
  for (std::size_t i = 0; i < judged_certificates; ++i) {
    const Certificate& certificate = *way.certificates[i];
    for (List& list : lists) {
      StirProblem why;
      const Usable usable = usability(list, way, i, *question.at, why);
      const std::optional<Revoked> listed = usable == Usable::kNo ? std::nullopt : list.crl->find(certificate);
      if (usable == Usable::kYes && listed.has_value()) {
        const std::string reason = listed->reason.empty() ? "" : ", " + listed->reason;
        check.add(StirOutcome::kFail, {StirDefect::kRevoked, i, utc_text(listed->since) + reason});
        if (!judged.revoked.has_value()) judged.crl = list.crl.get();
        if (!judged.revoked.has_value()) judged.revoked = listed;
      } else if (listed.has_value()) {
        give_reason({StirDefect::kListedInUnusableCrl, i, utc_text(listed->since)});
      }
      if (usable == Usable::kYes && list.crl->covers(certificate)) {
        if (i == 0) leaf_covered = true;
        if (judged.crl == nullptr) judged.crl = list.crl.get();
      } else if (i == 0) {
        give_reason(std::move(why));
      }
    }
  }
  if (check.outcome == StirOutcome::kFail) return;
  if (leaf_covered) {
    check.outcome = StirOutcome::kPass;
    // That an outdated list names it stays worth telling.
    std::erase_if(reasons, [](const StirProblem& one) { return one.defect != StirDefect::kListedInUnusableCrl; });
    check.problems = std::move(reasons);
    return;
  }
  judged.crl = nullptr;
  check.outcome = StirOutcome::kSkip;
  check.problems = std::move(reasons);
}

StirCertificates::StirCertificates(StirOptions options) : state_(std::make_unique<State>()) {
  state_->options = options;
}
StirCertificates::~StirCertificates() = default;

StirCertificates::Added StirCertificates::add_roots(ByteView file) {
  Added added;
  const CertificateFile read = read_certificates(file, kMaxRoots);
  added.ignored = read.unreadable + (read.capped ? 1 : 0);
  for (const CertificatePtr& one : read.certificates) {
    const auto [first, last] = state_->roots.equal_range(one->subject_key());
    const bool known =
        std::any_of(first, last, [&](const auto& root) { return root.second->facts().sha256 == one->facts().sha256; });
    if (!one->facts().is_ca || state_->roots.size() >= kMaxRoots) {
      ++added.ignored;
    } else {
      ++added.used;
      if (!known) state_->roots.emplace(one->subject_key(), one);
    }
  }
  ++state_->generation;
  return added;
}

StirCertificates::Added StirCertificates::add_crl_trust(ByteView file) {
  Added added;
  CertificateFile read = read_certificates(file, kMaxSigners);
  added.ignored = read.unreadable + (read.capped ? 1 : 0);
  for (CertificatePtr& one : read.certificates) {
    if (state_->crl_trust.size() >= kMaxSigners) {
      ++added.ignored;
    } else {
      ++added.used;
      state_->crl_trust.push_back(std::move(one));
    }
  }
  for (State::List& list : state_->lists) list.resolved = false;
  return added;
}

StirCertificates::Added StirCertificates::add_crls(ByteView file) {
  Added added;
  CertificateFile read = read_certificates(file, kMaxSigners);
  added.ignored = read.unreadable + (read.capped ? 1 : 0);
  for (CertificatePtr& one : read.certificates) {
    if (state_->crl_certificates.size() < kMaxSigners) state_->crl_certificates.push_back(std::move(one));
  }
  for (const std::vector<std::uint8_t>& der : read.crls) {
    CrlPtr crl = Crl::parse(der);
    if (crl == nullptr || state_->lists.size() >= kMaxCrls) {
      ++added.ignored;
    } else {
      ++added.used;
      state_->lists.push_back({.crl = std::move(crl)});
    }
  }
  for (State::List& list : state_->lists) list.resolved = false;
  return added;
}

StirCertificates::FileId StirCertificates::add_file(ByteView file) {
  const std::string hash = encode_hex(sha256(file));
  const auto known = state_->by_hash.find(hash);
  if (known != state_->by_hash.end()) return known->second;
  if (state_->files.size() >= kMaxFiles) return kNoFile;
  CertificateFile read = read_certificates(file, kMaxPerFile);
  State::File made;
  made.certificates = std::move(read.certificates);
  made.unreadable = read.unreadable;
  made.leaf = choose_leaf(made.certificates);
  const auto id = static_cast<FileId>(state_->files.size());
  state_->files.push_back(std::move(made));
  state_->by_hash.emplace(hash, id);
  return id;
}

bool StirCertificates::has_roots() const { return !state_->roots.empty(); }

std::vector<const Crl*> StirCertificates::crls() const {
  std::vector<const Crl*> all;
  for (const State::List& list : state_->lists) all.push_back(list.crl.get());
  return all;
}

const X509Facts* StirCertificates::leaf(FileId file) const {
  if (file >= state_->files.size() || state_->files[file].leaf == nullptr) return nullptr;
  return &state_->files[file].leaf->facts();
}

std::vector<const X509Facts*> StirCertificates::certificates(FileId file) const {
  std::vector<const X509Facts*> all;
  if (file >= state_->files.size()) return all;
  for (const CertificatePtr& one : state_->files[file].certificates) all.push_back(&one->facts());
  return all;
}

Es256 StirCertificates::verify(FileId file, ByteView message, ByteView signature) const {
  if (file >= state_->files.size() || state_->files[file].leaf == nullptr) return Es256::kNoKey;
  return state_->files[file].leaf->verify(message, signature);
}

StirJudgement StirCertificates::judge(FileId file, const StirQuestion& question) {
  StirJudgement best;
  if (file >= state_->files.size() || state_->files[file].leaf == nullptr) {
    best.certificate.add(StirOutcome::kFail, {StirDefect::kNoCertificate, 0, {}});
    return best;
  }
  State::File& held = state_->files[file];
  if (held.generation != state_->generation) state_->search(held);
  // One way that holds is enough; else the one that fails least.
  const auto failures = [](const StirJudgement& judged) {
    int n = 0;
    for (const StirCheck* check : {&judged.chain, &judged.certificate, &judged.validity, &judged.revocation,
                                   &judged.tnauthlist, &judged.constraints}) {
      n += check->outcome == StirOutcome::kFail ? 16 : check->outcome == StirOutcome::kSkip ? 1 : 0;
    }
    return n;
  };
  int fewest = 0;
  for (const State::Way& way : held.ways) {
    StirJudgement judged = state_->answer(way, question);
    const int n = failures(judged);
    if (best.leaf == nullptr || n < fewest) {
      best = std::move(judged);
      fewest = n;
    }
    if (fewest == 0) break;
  }
  return best;
}

}  // namespace voip::crypto
