#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "policy/hours.h"
#include "policy/network.h"
#include "report/rule.h"

// What a site says about itself: facts, thresholds, severities and suppressions (--policy FILE.toml). Plain values with
// the defaults of the catalogue of checks. keys.cpp is the one table of all keys.
namespace voip::policy {

// So many within so long: "10 in 600 s".
struct Window {
  std::uint64_t count = 0;
  std::chrono::seconds within{};
  friend bool operator==(const Window&, const Window&) = default;
};

// Texts of these kinds are checked when the file is read; "" and empty lists mean: not known, not given.
struct Site {
  std::string country{};               // ISO 3166 alpha-2 in upper case, or a calling code's digits
  std::string international_prefix{};  // "00", "011"
  std::string national_prefix{};       // "0", "1"
  std::vector<std::string> access_codes{};
  Networks networks{};  // the site's own
  Networks internal{};  // where nobody else can listen; empty unless the site says so
  std::vector<std::string> domains{};
  std::vector<std::string> numbers{};  // E.164 prefixes: "+4930123456"
  Hours hours = Hours::office();
  std::string timezone{};  // of the tz database; "": UTC
  Hosts peers{};
  Hosts monitors{};
  Hosts pentest{};
  Hosts edges{};
  Networks cloud{};
  std::vector<std::string> allowed_destinations{};  // "DE", "tier:low", "kind:premium", "+1876"
  std::vector<std::string> blocked_destinations{};
  std::vector<std::string> regulated{};        // accounts, numbers, networks under a regime
  std::vector<std::string> payment_numbers{};  // where cards are read out or keyed
};

struct Thresholds {
  struct {
    std::uint64_t dup_window_ms = 20;
  } capture{};
  struct {
    std::uint64_t min_packets = 50;
    std::uint64_t max_roc_guess = 8;
    std::uint64_t min_key_bits = 128;
    std::uint64_t min_tag_bits = 80;
    std::uint64_t after_bye_s = 5;
    bool require_aead = false;
    bool require_mky = false;
    bool allow_osrtp = false;
    bool allow_clear_early = false;
    bool allow_fallback_retry = false;
  } srtp{};
  struct {
    std::uint64_t max_age_s = 60;
    std::uint64_t max_future_s = 5;
    std::uint64_t max_unsigned_pct = 20;
    bool relax_x5u = false;
  } stir{};
  struct {
    Window fail_burst{10, std::chrono::seconds{600}};
    Window fail_burst_slow{30, std::chrono::hours{24}};
    std::uint64_t fail_critical = 1000;  // in 24 h
    Window spray_accounts{8, std::chrono::seconds{600}};
    Window spray_accounts_slow{20, std::chrono::hours{24}};
    Window enum_users{20, std::chrono::seconds{60}};
    Window enum_users_slow{50, std::chrono::seconds{600}};
    Window sweep_hosts{5, std::chrono::seconds{60}};
    Window sweep_hosts_slow{20, std::chrono::hours{24}};
    struct {
      std::uint64_t invite = 10;
      std::uint64_t register_ = 15;
      std::uint64_t options = 15;
      std::uint64_t all = 50;
    } flood_floor{};  // a second
    std::uint64_t max_concurrent = 5;
    std::uint64_t max_concurrent_risky = 2;  // to destinations of the alert tiers
    Window velocity_international{10, std::chrono::seconds{300}};
    Window velocity_external{30, std::chrono::seconds{300}};
    std::uint64_t max_call_s = 14400;
    std::uint64_t max_call_international_s = 3600;
    std::vector<std::string> alert_tiers{"high", "critical"};
    struct {
      std::vector<double> placeholder{0.02, 0.15, 0.60, 2.50};  // a minute, by tier low to critical
      std::string currency = "USD";
    } rates{};
  } fraud{};
  struct {
    std::uint64_t nonce_max_s = 600;
  } auth{};
  struct {
    std::uint64_t max_life_s = 86400;
    std::vector<std::string> issuers{};
  } oauth{};
  struct {
    std::uint64_t expiry_warn_days = 14;
  } tls{};
  struct {
    std::uint64_t max_block_s = 60;
    bool remote_access = false;
  } sbc{};
  struct {
    std::uint64_t location_max_age_h = 24;
    bool provisioned = false;
  } e911{};
  struct {
    double min_signed_pct = 99;
  } fcc{};
  struct {
    std::uint64_t days = 30;
  } retention{};
  struct {
    std::uint64_t join_h = 24;
  } timeline{};
};

// A carrier, customer or partner line, [[trunk]].
struct Trunk {
  std::string name{};
  Hosts hosts{};
  std::vector<std::string> numbers{};  // E.164 prefixes that may call from it
  std::vector<std::string> spc{};      // service provider codes that may sign for it
  std::vector<std::string> headers{};  // agreed beyond the standard ones
  std::uint64_t cps = 0;               // calls a second by contract; 0: none given
  bool tdm = false;                    // calls come from or go to circuits: no Identity is expected
  bool wholesale = false;              // any destination may be called
  bool clear_media = false;            // media without SRTP is agreed
};

// What is known and accepted, [[suppress]]. A finding must match everything that is given.
struct Suppression {
  std::vector<std::string> checks{};  // ids or names, as written; "*" is all
  std::vector<std::string> calls{};   // Call-IDs; * stands for anything in these, accounts and inputs
  std::vector<std::string> accounts{};
  std::vector<std::string> numbers{};  // prefixes, digits only
  Networks addresses{};
  std::vector<std::string> inputs{};
  std::vector<std::string> fingerprints{};
  std::string reason{};
  Timestamp expires{};  // unknown: never. Findings from that moment on fire again
  unsigned line = 0;
};

struct Override {
  std::string check{};  // id or name, as written
  report::Severity severity{};
  unsigned line = 0;
};

struct Policy {
  std::string path{};  // empty: all defaults
  Site site{};
  Thresholds limits{};
  std::vector<Trunk> trunks{};
  std::vector<Override> severities{};
  std::vector<Suppression> suppressions{};
  std::map<std::string, unsigned, std::less<>> lines{};  // of the keys that the file gives

  // Whether the user set it: "site.networks", "fraud.max_concurrent".
  bool given(std::string_view key) const { return lines.find(key) != lines.end(); }
};

}  // namespace voip::policy
