#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "render/renderer.h"

namespace voip::render {

// Lines for people. Everything put is escaped for terminals and measured in columns.
class TextLines final : public report::TextWriter {
 public:
  TextLines(Output& out, const RenderOptions& options) : out_(out), options_(options) {}
  ~TextLines() override { flush(); }
  TextLines(const TextLines&) = delete;
  TextLines& operator=(const TextLines&) = delete;

  void heading(std::string_view text) override;
  void begin_line(unsigned indent) override;
  void put(std::string_view text, report::Tone tone = report::Tone::kPlain) override;
  void column(unsigned at) override;
  void end_line() override;
  void blank() override;
  void sentence(unsigned indent, std::string_view text) override { paragraph(indent, text); }
  std::string time(Timestamp moment) override;

  // A sentence, wrapped between words; later lines are indented one step more.
  void paragraph(unsigned indent, std::string_view text, report::Tone tone = report::Tone::kPlain,
                 std::string_view lead = {}, report::Tone lead_tone = report::Tone::kPlain);
  // The same for our own texts (a rule's): each line of them is a paragraph.
  void prose(unsigned indent, std::string_view text, report::Tone tone = report::Tone::kPlain,
             std::string_view lead = {}, report::Tone lead_tone = report::Tone::kPlain);
  void flush();

 private:
  void set_tone(report::Tone tone);

  Output& out_;
  const RenderOptions& options_;
  std::string buffer_;
  unsigned columns_ = 0;
  report::Tone tone_ = report::Tone::kPlain;
  bool any_line_ = false;
  bool blank_wanted_ = false;  // written before the next line: none at the top, none at the end, no two in a row
};

void render_text(const report::Report& report, const RenderOptions& options, Output& out);

}  // namespace voip::render
