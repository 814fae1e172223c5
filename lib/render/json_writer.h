#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "render/output.h"
#include "report/content.h"

namespace voip::render {

// Streams JSON (RFC 8259). Always valid UTF-8: a broken byte sequence becomes U+FFFD; control, bidi and invisible
// characters are \u escapes, so that a terminal is safe too. Allocates nothing per value.
class JsonWriter final : public report::RecordWriter {
 public:
  enum class Layout : std::uint8_t {
    kReport,  // the outer two levels one item a line, everything inside on its line
    kLines,   // each outermost value on its own line (JSON lines)
  };
  JsonWriter(Output& out, Layout layout) : out_(out), layout_(layout) { buffer_.reserve(2 * kFlushAt); }
  ~JsonWriter() override { flush(); }
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  using RecordWriter::value;
  void begin_object() override { open('{'); }
  void end_object() override { close('}'); }
  void begin_array() override { open('['); }
  void end_array() override { close(']'); }
  void key(std::string_view name) override;
  void value(std::string_view text) override;
  void value(std::uint64_t number) override;
  void value(std::int64_t number) override;
  void value(double number) override;  // NaN and infinities are null
  void value(bool flag) override;
  void null() override;
  void time(Timestamp moment) override;
  void flush();

 private:
  static constexpr std::size_t kFlushAt = 64U << 10;

  void before_value();
  void after_value();
  void open(char bracket);
  void close(char bracket);
  void new_line();
  void text(std::string_view text);

  Output& out_;
  Layout layout_;
  std::string buffer_;
  std::vector<bool> filled_;  // for each open container: has it an item yet?
  bool after_key_ = false;
  std::int64_t day_ = INT64_MIN;  // of day_text_
  std::string day_text_;          // "2026-01-02T"
};

// Splits a report's sections into lines for JSON lines: each item of a top-level list becomes an object of its own, led
// by "type" (the section's name without its plural s); anything else becomes one line. Feed it keys and values as if
// inside one open object.
class LineSplitter final : public report::RecordWriter {
 public:
  explicit LineSplitter(report::RecordWriter& out) : out_(out) {}

  using RecordWriter::value;
  void begin_object() override;
  void end_object() override;
  void begin_array() override;
  void end_array() override;
  void key(std::string_view name) override;
  void value(std::string_view text) override;
  void value(std::uint64_t number) override;
  void value(std::int64_t number) override;
  void value(double number) override;
  void value(bool flag) override;
  void null() override;
  void time(Timestamp moment) override;

 private:
  bool at_line() const { return depth_ == (in_list_ ? 1U : 0U); }
  bool begin_wrapped();
  void end_wrapped(bool wrapped);
  template <class Write>
  void scalar(Write write) {
    const bool wrapped = begin_wrapped();
    write();
    end_wrapped(wrapped);
  }

  report::RecordWriter& out_;
  std::string type_;
  unsigned depth_ = 0;
  bool in_list_ = false;
  bool wrapped_array_ = false;
};

}  // namespace voip::render
