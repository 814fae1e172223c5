#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/stir/do_not_originate.h"
#include "base/result.h"
#include "crypto/stir_certificate.h"

namespace voip::analyze::stir {

// Local copies of what URLs lead to: a manifest (URL, tab, file, one a line; files relative to it), or a folder with a
// manifest.tsv in it, the layout of wget -x (host/path), names that are the URL escaped, or the URL's last segment.
class UrlFiles {
 public:
  static Result<UrlFiles> open(const std::string& path);

  // Empty when there is no copy. A path that a manifest names is given whether or not the file exists.
  std::optional<std::string> find(std::string_view url) const;
  // All files that it names, in the order of their names.
  std::vector<std::string> files() const;
  bool given() const { return given_; }

 private:
  Status read_manifest(const std::string& path);
  Status list_folder(const std::string& path);

  bool given_ = false;
  std::map<std::string, std::string, std::less<>> by_url_;   // normalized URL
  std::map<std::string, std::string, std::less<>> by_name_;  // path below the folder
};

// Scheme and host in lower case; all else as it is.
std::string normalize_url(std::string_view url);

struct StorePaths {
  std::string certs;      // folder or manifest; empty: none
  std::string trust;      // file or folder
  std::string crls;       // folder, manifest or file
  std::string crl_trust;  // file or folder
  std::string content;    // folder or manifest
  std::string dno;        // do-not-originate list
  bool p384_authorities = false;
};

// Everything beside the captures: certificates by URL, roots, revocation lists, contents that rcd claims point to.
class Store {
 public:
  Store();
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  static Result<Store> open(const StorePaths& paths);

  struct Found {
    crypto::StirCertificates::FileId file = crypto::StirCertificates::kNoFile;
    bool at_hand = false;
    std::string path;  // empty: no copy is known
  };
  // Read once for each URL.
  const Found& certificate(const std::string& url);
  // For tests: bytes in place of a file.
  void add_certificate(std::string_view url, ByteView file);
  void add_content(std::string_view url, std::string bytes);
  // What an rcd claim points to; null when there is no copy.
  const std::string* content(const std::string& url);

  crypto::StirCertificates& certificates() { return *certificates_; }
  // Shared by what the report says of them.
  const std::shared_ptr<crypto::StirCertificates>& share() const { return certificates_; }
  const DoNotOriginate& do_not_originate() const { return dno_; }
  bool has_certs() const { return certs_.given(); }
  bool has_crls() const { return has_crls_; }
  const std::vector<std::string>& notes() const { return notes_; }  // files that could not be used, one sentence each

 private:
  std::shared_ptr<crypto::StirCertificates> certificates_;
  UrlFiles certs_;
  UrlFiles contents_;
  DoNotOriginate dno_;
  bool has_crls_ = false;
  std::map<std::string, Found, std::less<>> found_;
  std::map<std::string, std::optional<std::string>, std::less<>> content_;
  std::vector<std::string> notes_;
};

}  // namespace voip::analyze::stir
