#include "render/escape.h"

#include <fmt/format.h>

#include "base/text.h"
#include "render/unicode.h"

namespace voip::render {

std::string printable(std::string_view text) {
  std::string out;
  unsigned columns = 0;
  append_for_terminal(out, text, columns);
  return out;
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text);
    const std::string_view raw = text.substr(0, c.length);
    text.remove_prefix(c.length);
    if (!c.valid || (c.value < 0x20 && c.value != '\t' && c.value != '\n' && c.value != '\r') || c.value == 0xfffe ||
        c.value == 0xffff) {
      append_utf8(out, 0xfffd);
      continue;
    }
    switch (c.value) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      case '\t':
      case '\n':
      case '\r': out += fmt::format("&#{};", static_cast<unsigned>(c.value)); break;  // attributes would lose them
      default:
        if (is_unsafe(c.value)) {
          append_utf8(out, 0xfffd);
        } else {
          out += raw;
        }
    }
  }
  return out;
}

std::string uri_of_path(std::string_view path) {
  if (path == "-") return "stdin";
  std::string out = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    if (is_alpha(c) || is_digit(c) || std::string_view{"-._~/"}.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string_view subject_of(const report::Finding& finding, std::string_view name) {
  for (const auto& [key, text] : finding.subject) {
    if (key == name) return text;
  }
  return {};
}

std::string_view path_of(const report::Finding& finding, const report::Report& report) {
  if (finding.evidence.empty() || finding.evidence.front().frame.input >= report.inputs.size()) return {};
  return report.inputs[finding.evidence.front().frame.input].path;
}

std::string frames_of(const report::Finding& finding, const report::Report& report, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < finding.evidence.size() && i < most; ++i) {
    const FrameRef& frame = finding.evidence[i].frame;
    if (i != 0) out += ", ";
    if ((i == 0 || frame.input != finding.evidence[i - 1].frame.input) && frame.input < report.inputs.size())
      out += report.inputs[frame.input].path + " ";
    out += fmt::format("#{}", frame.number);
  }
  if (finding.evidence.size() > most) out += fmt::format(" and {} more", finding.evidence.size() - most);
  return out;
}

}  // namespace voip::render
