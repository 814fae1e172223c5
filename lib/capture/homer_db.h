#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/record_reader.h"

namespace voip::capture {

// A Homer 7 database, opened for reading: one snapshot of all its tables, whatever is written meanwhile. Nothing is
// ever changed in it.
class HomerDb : public std::enable_shared_from_this<HomerDb> {
 public:
  struct Impl;

  static bool is_url(std::string_view path);
  // The URL without its password.
  static std::string masked(std::string_view url);

  // from, to: messages outside are not asked for (unknown: no bound). The error names what is wrong, not the URL.
  static Result<std::shared_ptr<HomerDb>> open(const std::string& url, Timestamp from, Timestamp to);
  explicit HomerDb(std::unique_ptr<Impl> impl);
  ~HomerDb();

  // "hep_proto_1_call", ...: what messages are kept in, by name.
  const std::vector<std::string>& tables() const;
  // Sentences about what is odd in this database.
  const std::vector<std::string>& notes() const;
  // The messages of one table in order of their times. context outlives the reader; the number of a frame is the row's
  // id.
  std::unique_ptr<RecordReader> read(std::size_t table, const ReaderContext& context);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace voip::capture
