#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/frame_ref.h"

namespace voip::report {

// Receives one record after another, streaming; the renderer turns it into JSON or what it likes. Keys are ours, values
// may be untrusted (the renderer escapes). Misnesting is our own mistake: assert.
class RecordWriter {
 public:
  virtual ~RecordWriter() = default;
  virtual void begin_object() = 0;
  virtual void end_object() = 0;
  virtual void begin_array() = 0;
  virtual void end_array() = 0;
  virtual void key(std::string_view name) = 0;
  virtual void value(std::string_view text) = 0;
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  virtual void value(std::uint64_t number) = 0;
  virtual void value(std::int64_t number) = 0;
  void value(std::uint32_t number) { value(std::uint64_t{number}); }
  void value(int number) { value(std::int64_t{number}); }
  virtual void value(double number) = 0;
  virtual void value(bool flag) = 0;
  virtual void null() = 0;
  // RFC 3339 in UTC, as precise as the capture; null when unknown.
  virtual void time(Timestamp moment) = 0;

  template <class T>
  void field(std::string_view name, const T& item) {
    key(name);
    value(item);
  }
  void field_time(std::string_view name, Timestamp moment) {
    key(name);
    time(moment);
  }
};

enum class Tone : std::uint8_t { kPlain, kStrong, kFaint, kGood, kWarn, kBad };

// Receives the people's version of the same: lines of toned words. Untrusted text is escaped by the renderer.
class TextWriter {
 public:
  virtual ~TextWriter() = default;
  virtual void heading(std::string_view text) = 0;
  // Words of one line: put() any number of times, then end_line(). indent: steps of two blanks.
  virtual void begin_line(unsigned indent) = 0;
  virtual void put(std::string_view text, Tone tone = Tone::kPlain) = 0;
  // Pads the line with blanks up to this display column (at least one blank).
  virtual void column(unsigned at) = 0;
  virtual void end_line() = 0;
  virtual void blank() = 0;
  // A line of its own that may be long: wrapped between words, later lines one step further in.
  virtual void sentence(unsigned indent, std::string_view text) = 0;
  // A moment as the user's zone wants it.
  virtual std::string time(Timestamp moment) = 0;
};

// Receives a tool's part of an HTML page.
class HtmlWriter {
 public:
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  virtual ~HtmlWriter() = default;
  virtual void open(std::string_view tag, Attributes attributes = {}) = 0;  // values are escaped
  virtual void close() = 0;                                                 // the innermost open tag
  virtual void text(std::string_view untrusted) = 0;
  virtual void raw(std::string_view markup) = 0;  // our own, never anything from a capture
};

// A tool's own part of the report. Both forms tell the same things in the same order.
class Content {
 public:
  virtual ~Content() = default;
  // The sentence that an engineer needs first: "3 of 14 calls sent clear audio; 2 of them although SRTP was
  // negotiated".
  virtual std::string headline() const = 0;
  // Writes key and value of each section into the open object: key("calls"), begin_array() ...
  virtual void write_sections(RecordWriter& out) const = 0;
  virtual void write_text(TextWriter& out) const = 0;
  // False: nothing was written, the page shows the lines of write_text().
  virtual bool write_html(HtmlWriter&) const { return false; }
};

}  // namespace voip::report
