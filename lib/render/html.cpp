#include "render/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "render/text.h"
#include "render/unicode.h"

namespace voip::render {

namespace {

using report::Severity;

constexpr std::size_t kMostFindings = 5000;
constexpr std::size_t kMostFrames = 12;

// No script, nothing from outside: what a capture smuggled past the escaping could still do nothing.
constexpr std::string_view kHead = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<style>
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2024;--soft:#5d6670;--line:#d9dee3;--panel:#f5f7f9;--bad:#b3261e;--warn:#8a5a00;--good:#1b6e3c;--mark:#2457a6}
@media (prefers-color-scheme:dark){:root{--bg:#15181b;--fg:#e4e7ea;--soft:#9aa4ae;--line:#343a40;--panel:#1e2226;--bad:#ff8a80;--warn:#ffc65c;--good:#77d19a;--mark:#8ab4f8}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.15rem;margin:0 0 .25rem}h2{font-size:1.05rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.25rem}h3{font-size:.95rem;margin:1rem 0 .3rem}
p{margin:.3rem 0}.lead{font-size:1.15rem;margin:.2rem 0 .6rem}.soft{color:var(--soft)}.small{font-size:.85rem}
pre,code,.mono{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.83rem}pre{overflow-x:auto;background:var(--panel);padding:.8rem;border-radius:6px;white-space:pre-wrap}
table{border-collapse:collapse;width:100%;font-size:.87rem}th{text-align:left;font-weight:600;color:var(--soft)}th{white-space:nowrap}td.nowrap{white-space:nowrap}th,td{padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
.panel{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem;margin:.6rem 0}
.badge{display:inline-block;padding:0 .45rem;border-radius:4px;border:1px solid currentColor;font-size:.78rem;font-weight:600}
.critical,.high,.bad{color:var(--bad)}.medium,.warn{color:var(--warn)}.low,.mark{color:var(--mark)}.info{color:var(--soft)}.good{color:var(--good)}
details{margin:.25rem 0}summary{cursor:pointer}details>div{margin:.3rem 0 .6rem 1rem}
.filter{margin:.4rem 0;font-size:.85rem}.filter label{margin-right:.9rem;white-space:nowrap}
svg{max-width:100%;height:auto;display:block;margin:.4rem 0}svg text{fill:var(--fg);font:11px system-ui,sans-serif}svg .soft{fill:var(--soft)}
svg .axis{stroke:var(--line)}svg .lane{stroke:var(--line);stroke-dasharray:3 3}svg .bar{fill:var(--mark)}svg .arrow{stroke:var(--fg);fill:none}svg .head{fill:var(--fg)}
svg .fail{stroke:var(--bad)}svg .failhead{fill:var(--bad)}svg .p-reconnaissance,svg .p-enumeration{fill:#6f8fb8}svg .p-credential-access{fill:#c79a3b}svg .p-compromise,svg .p-abuse{fill:#c4483f}svg .p-containment{fill:#3f9463}
body:has(#sev-high:checked) .finding.medium,body:has(#sev-high:checked) .finding.low,body:has(#sev-high:checked) .finding.info,
body:has(#sev-medium:checked) .finding.low,body:has(#sev-medium:checked) .finding.info{display:none}
body:has(#ev-call:checked) tr.ev:not(.ev-call),body:has(#ev-reg:checked) tr.ev:not(.ev-reg),body:has(#ev-attack:checked) tr.ev:not(.ev-attack){display:none}
@media print{body{max-width:none;padding:0;font-size:11px}.filter{display:none}details{break-inside:avoid}h2{break-after:avoid}tr,svg{break-inside:avoid}}
</style>
)html";

void append_escaped(std::string& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    switch (c) {
      case '&':
        out += "&amp;";
        ++at;
        continue;
      case '<':
        out += "&lt;";
        ++at;
        continue;
      case '>':
        out += "&gt;";
        ++at;
        continue;
      case '"':
        out += "&quot;";
        ++at;
        continue;
      case '\'':
        out += "&#39;";
        ++at;
        continue;
      case '\n':
      case '\t':
        out += c;
        ++at;
        continue;
      default: break;
    }
    const CodePoint point = decode_utf8(text.substr(at));
    if (!point.valid) {
      out += "\xef\xbf\xbd";
    } else if (is_unsafe(point.value)) {
      // What hides or turns text round is shown as what it is.
      out += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(point.value));
    } else {
      out += text.substr(at, point.length);
    }
    at += point.length;
  }
}

class Page final : public report::HtmlWriter {
 public:
  explicit Page(Output& out) : out_(out) {}
  ~Page() override { flush(); }
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  void open(std::string_view tag, Attributes attributes) override {
    buffer_ += '<';
    buffer_ += tag;
    for (const auto& [name, value] : attributes) {
      buffer_ += ' ';
      buffer_ += name;
      buffer_ += "=\"";
      append_escaped(buffer_, value);
      buffer_ += '"';
    }
    buffer_ += '>';
    open_.emplace_back(tag);
  }
  void close() override {
    if (open_.empty()) return;
    buffer_ += "</" + open_.back() + ">";
    const std::string& tag = open_.back();
    if (tag == "tr" || tag == "p" || tag == "div" || tag == "details" || tag == "h2") buffer_ += '\n';
    open_.pop_back();
    if (buffer_.size() > (64U << 10)) flush();
  }
  void text(std::string_view untrusted) override { append_escaped(buffer_, untrusted); }
  void raw(std::string_view markup) override { buffer_ += markup; }

  void element(std::string_view tag, std::string_view text_inside, Attributes attributes = {}) {
    open(tag, attributes);
    text(text_inside);
    close();
  }
  std::size_t depth() const { return open_.size(); }
  void close_to(std::size_t depth) {
    while (open_.size() > depth) close();
  }
  void flush() {
    if (!buffer_.empty()) out_.write(buffer_);
    buffer_.clear();
  }

 private:
  Output& out_;
  std::string buffer_;
  std::vector<std::string> open_;
};

std::string when(const RenderOptions& options, Timestamp time) {
  if (!time.known()) return "?";
  return options.format_time ? options.format_time(time) : format_utc_exact(time);
}

void write_head(Page& page, const report::Report& report, const RenderOptions& options) {
  page.element("h1", report.tool, {{"class", "soft"}});
  page.element("p", report.headline(), {{"class", "lead"}});
  const auto [first, last, packets] = report.span();
  std::string scope =
      report.inputs.size() == 1 ? report.inputs.front().path : fmt::format("{} inputs", report.inputs.size());
  scope += fmt::format(", {} packets", packets);
  if (first.known()) scope += fmt::format(", {} to {}", when(options, first), when(options, last));
  page.element("p", scope, {{"class", "soft small"}});
  page.open("p", {});
  bool any = false;
  for (int i = static_cast<int>(Severity::kCritical); i >= 0; --i) {
    const auto severity = static_cast<Severity>(i);
    const std::uint64_t n = report.collector->count(severity);
    if (n == 0) continue;
    page.element("span", fmt::format("{} {}", n, report::to_string(severity)),
                 {{"class", fmt::format("badge {}", report::to_string(severity))}});
    page.raw(" ");
    any = true;
  }
  if (!any) page.element("span", "no findings", {{"class", "badge good"}});
  if (!report.coverage.complete) page.element("span", "the run is incomplete", {{"class", "badge warn"}});
  page.close();
}

void write_finding(Page& page, const report::Report& report, const report::Finding& finding,
                   const RenderOptions& options) {
  const std::string severity{report::to_string(finding.severity)};
  page.open("details", {{"class", "finding " + severity}});
  page.open("summary", {});
  page.element("span", severity, {{"class", "badge " + severity}});
  page.raw(" <span class=\"mono\">");
  page.text(finding.rule->id);
  page.raw("</span> ");
  page.text(finding.message);
  if (finding.confidence != report::Confidence::kCertain) {
    page.element("span", fmt::format(" ({})", report::to_string(finding.confidence)), {{"class", "soft"}});
  }
  if (finding.status != report::FindingStatus::kNew) {
    page.element("span", fmt::format(" [{}]", report::to_string(finding.status)), {{"class", "soft"}});
  }
  page.close();
  page.open("div", {});
  page.element("p", finding.rule->title, {{"class", "small"}});
  std::string frames;
  for (std::size_t i = 0; i < finding.evidence.size() && i < kMostFrames; ++i) {
    const report::Evidence& evidence = finding.evidence[i];
    if (i != 0) frames += "; ";
    if (report.inputs.size() > 1 && evidence.frame.input < report.inputs.size()) {
      frames += report.inputs[evidence.frame.input].path + " ";
    }
    frames += fmt::format("#{} {} {}", evidence.frame.number, when(options, evidence.frame.time), evidence.note);
  }
  if (finding.evidence.size() > kMostFrames)
    frames += fmt::format("; and {} more", finding.evidence.size() - kMostFrames);
  page.element("p", frames, {{"class", "small mono soft"}});
  if (!finding.call_id.empty()) page.element("p", "Call-ID " + finding.call_id, {{"class", "small mono soft"}});
  if (!finding.rule->remedy.empty()) page.element("p", finding.rule->remedy, {{"class", "small"}});
  if (!finding.rule->reference.empty()) page.element("p", finding.rule->reference, {{"class", "small soft"}});
  page.close();
  page.close();
}

void write_findings(Page& page, const report::Report& report, const RenderOptions& options) {
  std::vector<const report::Finding*> listed;
  for (const report::Finding& finding : report.collector->findings()) {
    if (report.listed(finding)) listed.push_back(&finding);
  }
  if (listed.empty()) return;
  std::ranges::stable_sort(
      listed, [](const report::Finding* a, const report::Finding* b) { return a->severity > b->severity; });
  page.element("h2", "Findings");
  page.raw(
      "<div class=\"filter\"><label><input type=\"radio\" name=\"sev\" id=\"sev-all\" checked> all</label>"
      "<label><input type=\"radio\" name=\"sev\" id=\"sev-medium\"> medium and above</label>"
      "<label><input type=\"radio\" name=\"sev\" id=\"sev-high\"> high and above</label></div>\n");
  for (std::size_t i = 0; i < listed.size() && i < kMostFindings; ++i) write_finding(page, report, *listed[i], options);
  if (listed.size() > kMostFindings) {
    page.element("p", fmt::format("and {} more (--format json)", listed.size() - kMostFindings), {{"class", "soft"}});
  }
}

void write_checks(Page& page, const report::Report& report) {
  page.open("details", {});
  page.element("summary", "What was checked");
  page.raw(
      "<div><table><tr><th>check</th><th></th><th>fail</th><th>pass</th><th>not applicable</th><th>not "
      "assessable</th></tr>\n");
  for (const report::CheckTally& check : report.collector->checks()) {
    page.open("tr", {});
    page.element("td", check.rule->id, {{"class", "mono"}});
    page.element("td", check.rule->title);
    for (const auto verdict : {report::Verdict::kFail, report::Verdict::kPass, report::Verdict::kNotApplicable,
                               report::Verdict::kNotAssessable}) {
      page.element("td", std::to_string(check.count(verdict)));
    }
    page.close();
  }
  page.raw("</table></div>");
  page.close();
}

void write_coverage(Page& page, const report::Report& report, const RenderOptions& options) {
  page.element("h2", "Inputs, and what could not be seen");
  page.raw("<table><tr><th>input</th><th>format</th><th>packets</th><th>from</th><th>to</th><th>SHA-256</th></tr>\n");
  for (const report::Input& input : report.inputs) {
    page.open("tr", {});
    page.element("td", input.path);
    page.element("td", input.format);
    page.element("td", std::to_string(input.packets));
    page.element("td", input.first_time.known() ? when(options, input.first_time) : "");
    page.element("td", input.last_time.known() ? when(options, input.last_time) : "");
    page.element("td", input.sha256.value_or(""), {{"class", "mono"}});
    page.close();
  }
  page.raw("</table>\n<ul class=\"small\">");
  const auto item = [&page](const std::string& sentence) { page.element("li", sentence); };
  for (const report::Input& input : report.inputs) {
    for (const std::string& problem : input.problems) item(input.path + ": " + problem);
  }
  const report::Coverage& coverage = report.coverage;
  for (const auto& [name, count] : coverage.undecoded) {
    if (count != 0) item(fmt::format("not decoded: {} {}", count, name));
  }
  if (coverage.snapped_packets != 0)
    item(fmt::format("{} packets were cut by the snap length", coverage.snapped_packets));
  if (coverage.tcp_gaps != 0) item(fmt::format("{} gaps in TCP streams", coverage.tcp_gaps));
  for (const auto& [name, count] : coverage.evicted) {
    if (count != 0) item(fmt::format("given up because a table was full: {} {}", count, name));
  }
  for (const std::string& note : coverage.notes) item(note);
  page.raw("</ul>");
}

}  // namespace

void render_html(const report::Report& report, const RenderOptions& options, Output& out) {
  Page page{out};
  page.raw(kHead);
  page.element("title", report.tool + ": " + report.headline());
  page.raw("</head>\n<body>\n");
  write_head(page, report, options);
  if (report.content != nullptr) {
    const std::size_t depth = page.depth();
    const bool own = report.content->write_html(page);
    page.close_to(depth);
    if (!own) {
      StringOutput text;
      {
        RenderOptions plain = options;
        plain.colour = false;
        TextLines lines{text, plain};
        report.content->write_text(lines);
      }
      page.element("pre", text.text());
    }
  }
  write_findings(page, report, options);
  write_checks(page, report);
  write_coverage(page, report, options);
  page.element("p", fmt::format("{} {}", report.tool, report.version), {{"class", "soft small"}});
  page.raw("</body>\n</html>\n");
}

}  // namespace voip::render
