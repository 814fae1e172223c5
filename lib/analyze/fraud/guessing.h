#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analyze/fraud/casework.h"

// Passwords: guessed on one account, tried over many, found. What counts is a request with credentials that was
// refused; who fails but belongs there is told from who guesses by what else is known of both.
namespace voip::analyze::fraud {

inline constexpr std::size_t kStuffingAccounts = 10;
inline constexpr std::size_t kDistributedSources = 5;
inline constexpr std::uint32_t kDistributedFailures = 20;
inline constexpr std::uint32_t kFailuresBeforeSuccess = 5;
inline constexpr std::chrono::hours kGuessingDay{24};

class Guessing {
 public:
  explicit Guessing(Casework& work) : work_(work), book_(work.book) {}

  void conclude();

 private:
  // How one source fared with one account.
  struct Fate {
    std::uint32_t attempt = 0;  // index of the Try
    std::vector<std::int64_t> bad;
    std::size_t bad_before_good = 0;
    std::size_t soothed = 0;  // refusals that an accepted login followed at once
    bool good_first = false;  // its first login was accepted
    bool device = false;
    Rhythm rhythm;
    // A client that tries its name in a wrong form, or an old nonce, before it gets it right: every time.
    bool habit() const { return soothed >= 2 && soothed * 10 >= bad.size() * 8; }
  };
  struct Suspect {
    std::uint32_t source = 0;
    std::vector<Fate> fates;  // accounts with at least one refused login
  };
  struct Account {
    std::vector<std::uint32_t> tries;  // with logins
  };

  const Try& attempt(const Fate& fate) const { return book_.tries()[fate.attempt]; }
  Try& attempt(const Fate& fate) { return book_.tries()[fate.attempt]; }
  const std::string& name(const Fate& fate) const { return book_.text(attempt(fate).user); }

  void map_accounts();

  // Nobody else logs in as this account.
  bool only_source(const Try& one) const;
  bool used_elsewhere(const Try& one) const;

  Suspect look_at(std::uint32_t index);
  bool settled(const Source& source, const Fate& fate) const;
  bool relentless(const Fate& fate) const;

  bool device(const Source& source, const Fate& fate, std::size_t failing, bool many_devices) const;

  struct Campaign {
    Kind kind = Kind::kBruteForce;
    const report::Rule* rule = &kBruteForceRule;
    std::vector<std::uint32_t> culprits;
    std::vector<std::uint32_t> tries;
    std::string why;
    std::string entity;
    report::Severity severity = report::Severity::kHigh;
    report::Confidence confidence = report::Confidence::kProbable;
    std::string explanation;
    bool certain = true;
    bool burst = false;  // fast enough to be told by its rate
  };

  void one_source(const Suspect& suspect);
  std::size_t spray_limit() const;
  // Several sources that work on the same accounts, or share a list, are one campaign.
  void join_campaigns();
  bool at_home(const Campaign& campaign) const;
  bool meanwhile(const Campaign& a, const Campaign& b) const;
  bool of_one_hand(const std::vector<std::size_t>& members) const;

  void brute_force(const Suspect& suspect, const std::vector<const Fate*>& fates);

  void unheard();
  void tell_unheard(std::uint32_t culprit, std::uint32_t at);

  void spraying(const Suspect& suspect, const std::vector<const Fate*>& fates);

  // Accounts that the same hand probed: they do not exist, so no password was sent; or the first password fitted.
  void add_neighbours(const Suspect& suspect, std::vector<std::uint32_t>& tries) const;

  void leave_lookups(Campaign& campaign) const;

  // Stuffing: one or two attempts for each of many real-looking names, one of them good or most of them unknown here.
  void name_kind(Campaign& campaign) const;

  // Mostly extensions: numbers of up to five digits.
  static bool short_numbers(const std::vector<std::string>& names);

  std::string accounts_text(const std::vector<std::uint32_t>& tries) const;

  // Adds the campaign, and the compromise when it found a password.
  void open(const Campaign& campaign);

  void compromise(const std::vector<std::uint32_t>& taken, const std::vector<std::uint32_t>& culprits,
                  std::optional<std::size_t> cause, report::Severity severity, report::Confidence confidence);

  bool left_over(const Suspect& suspect, const Fate& fate) const;

  void distributed_on_one_account();

  void distributed_over_many();

  // Asks for accounts by REGISTER or login, without ever having been at home here.
  bool stranger(const Source& source) const;

  // Whether devices that are at home here build their requests the same way, in number.
  bool in_use(std::uint64_t shape, std::size_t group) const;
  void map_homes();

  std::size_t cluster(const std::vector<std::uint32_t>& group, bool fingerprint);

  void name_kind_of_cluster(Campaign& campaign, const std::map<std::uint32_t, std::uint32_t>& per_account) const;

  void lone_success(const Suspect& suspect, bool hostile);

  void devices(const Suspect& suspect);

  Casework& work_;
  SourceBook& book_;
  std::map<std::uint32_t, Account> accounts_;
  std::vector<Suspect> suspects_;
  std::vector<std::uint32_t> suspect_of_;             // by source: index in suspects_ and 1
  std::map<std::uint64_t, std::size_t> home_shapes_;  // how many sources at home build requests so
  std::vector<Campaign> found_;                       // of single sources, to be joined and raised
};

}  // namespace voip::analyze::fraud
