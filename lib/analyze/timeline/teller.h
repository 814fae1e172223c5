#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analyze/timeline/joining.h"
#include "analyze/timeline/story.h"

namespace voip::analyze::timeline {

template <class T>
void add_unique(std::vector<T>& list, const T& item) {
  const auto at = std::lower_bound(list.begin(), list.end(), item);
  if (at == list.end() || *at != item) list.insert(at, item);
}
template <class T>
void add_all(std::vector<T>& list, const std::vector<T>& more) {
  list.insert(list.end(), more.begin(), more.end());
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

// "a, b and 3 more"
std::string join_names(const std::vector<std::string>& list, std::size_t most = 3);
std::string join_addresses(const std::vector<IpAddress>& list, std::size_t most = 3);

// A first hostile act so soon after the capture's begin may not be the first (TL-003).
inline constexpr std::chrono::minutes kEarly{5};

// Makes the story, step by step. Used once.
class Teller {
 public:
  Teller(std::vector<fraud::Incident> incidents, const std::vector<Track>& tracks, const Record& record,
         const StoryOptions& options)
      : tracks_(tracks), record_(record), options_(options) {
    story_.incidents = std::move(incidents);
  }
  Story run();

 private:
  struct Weight {
    report::Severity severity{};
    report::Confidence confidence{};
    PhaseKind farthest{};
    bool compromised = false;
    std::uint64_t messages = 0;
  };
  // What somebody did with one account that was no longer his to try: from a success on.
  struct Entry {
    std::string account{};
    std::size_t incident = 0;
    FrameRef decisive{};
    FrameRef takeover{};
    std::vector<IpAddress> actors{};
    fraud::Kind kind = fraud::Kind::kAnomaly;
  };
  using Block = std::pair<const Track*, const Refusals*>;

  const fraud::Incident& incident(std::size_t i) const { return story_.incidents[i]; }
  bool trusted(const IpAddress& address) const { return options_.trusted && options_.trusted(address); }
  bool actor(const IpAddress& address) const {
    return std::binary_search(campaign_->actors.begin(), campaign_->actors.end(), address);
  }
  std::string account_of(const Track& track) const { return std::string(record_.names.text(track.account)); }

  // teller.cpp: which incidents, and their own phases
  bool houses_many(const IpAddress& address) const;
  bool lives_there(const IpAddress& address, std::string_view account, const FrameRef& from, const FrameRef& to) const;
  std::set<std::size_t> mistaken() const;
  Weight weigh(const Chain& chain) const;
  void choose();
  void gather();
  void add_approach();
  static void add_techniques(Phase& phase, fraud::Kind kind);
  void begin_with_guess(Phase& phase) const;
  void attack_phases();
  void merge_phases();

  // teller_access.cpp: who got in, and who was put out
  std::vector<Entry> entries() const;
  void add_entries_of_abuse(std::vector<Entry>& list) const;
  Entry entry_without_login(std::size_t i) const;
  FrameRef seen_at_the_door(const FrameRef& frame, const std::string& account) const;
  FrameRef takeover_after(const FrameRef& since, std::string_view account) const;
  void compromise_phases();
  void add_containment(const std::vector<Block>& blocks);
  void containment_phases();
  void add_return(const std::vector<const Track*>& mine, const FrameRef& again);
  void add_renewed_guessing(const Track& track, const Refusals& block);
  static FrameRef next_success(const std::vector<const Track*>& mine, const FrameRef& after);
  void explain_entry();
  void list_resets();

  // teller_abuse.cpp: what was done with it
  std::vector<std::size_t> calls_of(const fraud::Incident& one) const;
  FrameRef taken_first(const std::vector<std::string>& accounts) const;
  void end_guessing();
  void name_users();
  void split_abuse();
  void begin_with_first_call();
  void add_part(const Phase& whole, const std::vector<std::size_t>& calls, const FrameRef& begin, const FrameRef& end,
                std::vector<Phase>& parts) const;
  void end_abuse();
  void measure_abuse();

  // teller_words.cpp
  std::string means() const;
  void describe();
  void list_indicators();

  const std::vector<Track>& tracks_;
  const Record& record_;
  const StoryOptions& options_;
  Story story_;
  Campaign* campaign_ = nullptr;
  fraud::Kind entry_kind_ = fraud::Kind::kAnomaly;
  std::map<std::string, FrameRef> taken_{};  // when each account was
  std::set<std::size_t> split_{};            // incidents that are told in parts: their sums are those of the calls
  std::vector<std::pair<FrameRef, FrameRef>> pauses_{};  // blocks that a success ended: first refusal, success
};

}  // namespace voip::analyze::timeline
