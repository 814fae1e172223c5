#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analyze/timeline/deadlines.h"
#include "analyze/timeline/facts.h"
#include "analyze/timeline/record.h"
#include "analyze/timeline/story.h"
#include "report/content.h"

namespace voip::analyze::timeline {

struct ShowOptions {
  Narrow narrow;
  std::size_t lines = 1000;  // of the text report's account; 0: all
};

// A notification period with the moment that it is counted from.
struct Clock {
  Deadline deadline{};
  Timestamp start{};
  Timestamp due{};  // unknown: no fixed length
};

// timeline's part of the report.
class TimelineContent final : public report::Content {
 public:
  TimelineContent(ShowOptions show, Record record, Story story, std::vector<Clock> clocks, std::string clock_assumption,
                  Facts facts)
      : show_(std::move(show)),
        record_(std::move(record)),
        story_(std::move(story)),
        clocks_(std::move(clocks)),
        clock_assumption_(std::move(clock_assumption)),
        facts_(std::move(facts)) {
    for (std::size_t i = 0; i < record_.calls.size(); ++i) {
      if (show_.narrow.wants_call_id(record_.calls[i].call_id)) asked_.push_back(i);
    }
  }
  std::string headline() const override;
  void write_sections(report::RecordWriter& out) const override;
  void write_text(report::TextWriter& out) const override;
  bool write_html(report::HtmlWriter& out) const override;

  const Record& record() const { return record_; }
  const ShowOptions& show() const { return show_; }
  const Story& story() const { return story_; }
  const std::vector<Clock>& clocks() const { return clocks_; }
  const std::string& clock_assumption() const { return clock_assumption_; }
  const Facts& facts() const { return facts_; }
  std::size_t asked_calls() const { return asked_.size(); }  // of --call-id, found
  // Indexes of the incidents that concern what was asked for.
  std::vector<std::size_t> wanted_incidents() const;

 private:
  void write_incident(report::RecordWriter& out) const;
  void write_phases(report::RecordWriter& out) const;
  void write_clocks(report::RecordWriter& out) const;
  void write_calls(report::RecordWriter& out) const;
  void write_events(report::RecordWriter& out) const;
  bool wants(const fraud::Incident& incident) const;
  // The gravest campaign, unless something else was asked for that it has nothing to do with.
  const Campaign* campaign() const;
  // What clocks that differ leave of the order of events; empty: it can be trusted.
  std::string order_warning() const;
  // Whether the clocks leave no doubt on which side of its neighbours the phase lies.
  bool order_certain(const Phase& phase) const;
  void text_campaign(report::TextWriter& out) const;
  void text_clocks(report::TextWriter& out) const;
  void html_campaign(report::HtmlWriter& out) const;
  void html_phases(report::HtmlWriter& out) const;
  void html_activity(report::HtmlWriter& out) const;
  void html_incidents(report::HtmlWriter& out) const;
  void html_events(report::HtmlWriter& out) const;
  void html_calls(report::HtmlWriter& out) const;
  void text_account(report::TextWriter& out) const;

  ShowOptions show_;
  Record record_;
  Story story_;
  std::vector<Clock> clocks_;
  std::string clock_assumption_;
  Facts facts_;
  std::vector<std::size_t> asked_;  // calls of --call-id
};

}  // namespace voip::analyze::timeline
