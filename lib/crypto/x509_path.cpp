#include "crypto/x509_path.h"

#include <algorithm>
#include <utility>

namespace voip::crypto {

namespace {

constexpr std::size_t kMaxLength = 32;
constexpr std::size_t kMaxSignatures = 64;
constexpr std::size_t kMaxSteps = 512;
constexpr std::size_t kMaxPaths = 16;

class Search {
 public:
  Search(const std::vector<CertificatePtr>& pool, const TrustAnchors& anchors) : pool_(pool), anchors_(anchors) {}

  std::vector<FoundPath> run(const Certificate& leaf) {
    std::vector<const Certificate*> path{&leaf};
    extend(path);
    if (found_.empty()) {
      if (out_of_budget()) best_.end = PathEnd::kGaveUp;
      found_.push_back(std::move(best_));
    }
    std::ranges::stable_sort(found_, std::ranges::less{}, [](const FoundPath& one) { return one.certificates.size(); });
    return std::move(found_);
  }

 private:
  bool out_of_budget() const { return signatures_ >= kMaxSignatures || steps_ >= kMaxSteps; }

  Certificate::Issued issued(const Certificate& subject, const Certificate& issuer) {
    const auto known = verified_.find({&subject, &issuer});
    if (known != verified_.end()) return known->second;
    Certificate::Issued result = subject.issued_by(issuer, false);
    if (result == Certificate::Issued::kYes) {
      if (signatures_ >= kMaxSignatures) return Certificate::Issued::kBadSignature;
      ++signatures_;
      result = subject.issued_by(issuer, true);
    }
    verified_.emplace(std::pair{&subject, &issuer}, result);
    return result;
  }

  // Depth is bounded by kMaxLength, the number of calls by kMaxSteps.
  void extend(std::vector<const Certificate*>& path) {
    if (++steps_ >= kMaxSteps || found_.size() >= kMaxPaths) return;
    const Certificate& current = *path.back();
    PathEnd end = current.facts().self_issued ? PathEnd::kSelfIssued : PathEnd::kNoIssuer;
    const auto blame = [&](Certificate::Issued why) {
      if (current.facts().self_issued) return;
      if (why == Certificate::Issued::kBadSignature) end = PathEnd::kBadSignature;
      if (why == Certificate::Issued::kOtherKeyId && end == PathEnd::kNoIssuer) end = PathEnd::kOtherKeyId;
    };
    bool went_on = false;
    const auto [first, last] = anchors_.equal_range(current.issuer_key());
    for (auto at = first; at != last; ++at) {
      const Certificate& anchor = *at->second;
      if (anchor.facts().sha256 == current.facts().sha256) continue;
      const auto verdict = issued(current, anchor);
      if (verdict != Certificate::Issued::kYes) {
        blame(verdict);
        continue;
      }
      went_on = true;
      if (found_.size() < kMaxPaths) {
        found_.push_back({path, PathEnd::kAnchor});
        found_.back().certificates.push_back(&anchor);
      }
    }
    for (const CertificatePtr& candidate : pool_) {
      if (candidate->subject_key() != current.issuer_key() || is_anchor(*candidate) || is_in(path, *candidate))
        continue;
      const auto verdict = issued(current, *candidate);
      if (verdict != Certificate::Issued::kYes) {
        blame(verdict);
        continue;
      }
      if (path.size() + 1 >= kMaxLength) {
        end = PathEnd::kGaveUp;
        continue;
      }
      went_on = true;
      path.push_back(candidate.get());
      extend(path);
      path.pop_back();
    }
    if (!went_on && found_.empty() && path.size() > best_.certificates.size()) best_ = {path, end};
  }

  bool is_anchor(const Certificate& candidate) const {
    const auto [first, last] = anchors_.equal_range(candidate.subject_key());
    return std::any_of(first, last,
                       [&](const auto& one) { return one.second->facts().sha256 == candidate.facts().sha256; });
  }
  // The same name and key again would be a loop, whatever certificate it is.
  static bool is_in(const std::vector<const Certificate*>& path, const Certificate& candidate) {
    return std::ranges::any_of(path, [&](const Certificate* one) {
      return one->subject_key() == candidate.subject_key() && one->facts().key_sha256 == candidate.facts().key_sha256;
    });
  }

  const std::vector<CertificatePtr>& pool_;
  const TrustAnchors& anchors_;
  std::map<std::pair<const Certificate*, const Certificate*>, Certificate::Issued> verified_;
  std::vector<FoundPath> found_;
  FoundPath best_;
  std::size_t signatures_ = 0;
  std::size_t steps_ = 0;
};

}  // namespace

std::vector<FoundPath> find_paths(const Certificate& leaf, const std::vector<CertificatePtr>& pool,
                                  const TrustAnchors& anchors) {
  return Search{pool, anchors}.run(leaf);
}

std::vector<PathProblem> problems_of(const FoundPath& path) {
  using Kind = PathProblem::Kind;
  std::vector<PathProblem> problems;
  const auto& chain = path.certificates;
  std::size_t authorities_below = 0;  // self-issued ones don't count (RFC 5280 section 6.1.4 (l))
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const X509Facts& facts = chain[i]->facts();
    if (!facts.malformed.empty()) problems.push_back({Kind::kMalformed, i, facts.malformed});
    for (const std::string& oid : facts.unknown_critical) problems.push_back({Kind::kUnknownCritical, i, oid});
    if (i == 0) continue;
    if (!facts.is_ca) problems.push_back({Kind::kNotAuthority, i, facts.subject});
    if (facts.has_key_usage && !facts.key_cert_sign) problems.push_back({Kind::kMayNotSign, i, facts.subject});
    if (facts.path_length.has_value() && authorities_below > *facts.path_length) {
      problems.push_back({Kind::kTooLong, i,
                          std::to_string(authorities_below) + " authorities below one that allows " +
                              std::to_string(*facts.path_length)});
    }
    for (std::size_t below = 0; below < i; ++below) {
      if (below != 0 && chain[below]->facts().self_issued) continue;
      const std::string broken = chain[below]->breaks_name_constraints_of(*chain[i]);
      if (!broken.empty()) problems.push_back({Kind::kNameConstraint, below, broken});
    }
    if (!facts.self_issued) ++authorities_below;
  }
  if (problems.empty() && path.end == PathEnd::kAnchor) {
    const std::string objection = Certificate::path_objection(chain);
    if (!objection.empty()) problems.push_back({Kind::kRefused, 0, objection});
  }
  return problems;
}

}  // namespace voip::crypto
