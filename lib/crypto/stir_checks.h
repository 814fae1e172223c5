#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "crypto/stir_certificate.h"
#include "crypto/x509_path.h"

namespace voip::crypto {

// The single checks behind StirCertificates::judge. A path has its leaf first.
using FactsPath = std::vector<const X509Facts*>;

// Key, signature algorithm, usage: the leaf as STIR's profiles have it, the others as to their algorithms.
StirCheck check_stir_certificate(const FactsPath& path, const StirOptions& options);
StirCheck check_stir_chain(const FoundPath& path, bool has_roots);
StirCheck check_stir_validity(const FactsPath& path, std::optional<std::int64_t> iat, std::optional<std::int64_t> at);
// The leaf's TNAuthList itself, and RFC 9060: each list within the next one above it.
StirCheck check_stir_delegation(const FactsPath& path, bool& delegate);
void add_stir_number(const X509Facts& leaf, std::string_view number, StirCheck& tnauthlist);
StirCheck check_stir_constraints(const FactsPath& path, const ClaimLookup* claims);
StirCheck check_stir_policy(const X509Facts& leaf);
StirCheck note_stir_profile(const FactsPath& path);

}  // namespace voip::crypto
