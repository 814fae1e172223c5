#include "policy/keys.h"

#include <fmt/format.h>

#include <array>

namespace voip::policy {

namespace {

// One line a key: everything else (loader, --dump-policy, the example file) follows from it.
constexpr std::uint64_t kYear = 366ULL * 86400;

constexpr std::array kKeys{
    Key{"site.country", Kind::kCountry, "Where the site is: ISO 3166 code (\"US\") or calling code (\"1\").",
        "fraud-scan, stir-verify, compliance-report", "\"US\"", [](Policy& p) -> Place { return &p.site.country; }},
    Key{"site.international_prefix", Kind::kDigits, "Dialled before an international number: \"00\", \"011\".",
        "fraud-scan, timeline", "\"011\"", [](Policy& p) -> Place { return &p.site.international_prefix; }},
    Key{"site.national_prefix", Kind::kDigits, "Dialled before a national number: \"0\", \"1\".",
        "fraud-scan, timeline", "\"1\"", [](Policy& p) -> Place { return &p.site.national_prefix; }},
    Key{"site.access_codes", Kind::kDigits, "Dialled to reach an outside line; taken off before a number is judged.",
        "fraud-scan, timeline", "[\"9\"]", [](Policy& p) -> Place { return &p.site.access_codes; }},
    Key{"site.networks", Kind::kPlain, "The site's own addresses. Inferred from the traffic when not given.",
        "fraud-scan, sbc-audit, timeline", "[\"192.0.2.0/24\", \"2001:db8::/48\"]",
        [](Policy& p) -> Place { return &p.site.networks; }},
    Key{"site.internal", Kind::kPlain,
        "Networks where nobody else can listen: findings between two of these addresses weigh one level less. "
        "Empty by default, because a private address alone proves nothing.",
        "all", "[\"10.20.0.0/16\"]", [](Policy& p) -> Place { return &p.site.internal; }},
    Key{"site.domains", Kind::kDomains, "The site's own SIP domains.", "fraud-scan, sbc-audit, stir-verify",
        "[\"example.com\"]", [](Policy& p) -> Place { return &p.site.domains; }},
    Key{"site.numbers", Kind::kNumbers, "The site's own numbers, as prefixes in E.164.", "fraud-scan, stir-verify",
        "[\"+12125550\"]", [](Policy& p) -> Place { return &p.site.numbers; }},
    Key{"site.hours", Kind::kPlain, "Working hours in the site's zone: \"Mon-Fri 07:00-20:00\", \"always\".",
        "FRAUD-047", "", [](Policy& p) -> Place { return &p.site.hours; }},
    Key{"site.timezone", Kind::kZone, "Zone of the working hours; UTC when empty.", "FRAUD-047", "\"America/New_York\"",
        [](Policy& p) -> Place { return &p.site.timezone; }},
    Key{"site.peers", Kind::kPlain, "Trusted trunks and carriers: addresses, networks or host names.", "all",
        "[\"198.51.100.10\", \"203.0.113.0/24\", \"sip.carrier.example\"]",
        [](Policy& p) -> Place { return &p.site.peers; }},
    Key{"site.monitors", Kind::kPlain, "Machines that probe this site by agreement.", "fraud-scan, timeline",
        "[\"192.0.2.200\"]", [](Policy& p) -> Place { return &p.site.monitors; }},
    Key{"site.pentest", Kind::kPlain, "Machines that may attack this site: own scanners, an ordered test.",
        "fraud-scan", "[\"192.0.2.66\"]", [](Policy& p) -> Place { return &p.site.pentest; }},
    Key{"site.edges", Kind::kPlain, "Addresses of the border controllers. Inferred when not given.", "sbc-audit",
        "[\"192.0.2.10\"]", [](Policy& p) -> Place { return &p.site.edges; }},
    Key{"site.cloud", Kind::kPlain, "Cloud and VPN networks that users come from; no sign of travel.", "FRAUD-022",
        "[\"100.64.0.0/10\"]", [](Policy& p) -> Place { return &p.site.cloud; }},
    Key{"site.allowed_destinations", Kind::kDestinations,
        "Only these may be called: countries (\"US\"), \"tier:low\", \"kind:mobile\", prefixes (\"+44\"). Empty: all.",
        "fraud-scan", "[\"US\", \"CA\", \"+4420\"]", [](Policy& p) -> Place { return &p.site.allowed_destinations; }},
    Key{"site.blocked_destinations", Kind::kDestinations, "These may never be called.", "fraud-scan",
        "[\"tier:critical\", \"kind:premium\", \"+1876\"]",
        [](Policy& p) -> Place { return &p.site.blocked_destinations; }},
    Key{"site.regulated", Kind::kPlain,
        "Accounts, numbers (+...) and networks under a regime: their findings weigh one level more.",
        "compliance-report", "[\"+12125550100\", \"records\"]", [](Policy& p) -> Place { return &p.site.regulated; }},
    Key{"site.payment_numbers", Kind::kNumbers, "Numbers where callers give card data.", "compliance-report",
        "[\"+18005550199\"]", [](Policy& p) -> Place { return &p.site.payment_numbers; }},

    Key{"capture.dup_window_ms", Kind::kPlain, "Two equal packets this close are one that was captured twice.", "all",
        "", [](Policy& p) -> Place { return &p.limits.capture.dup_window_ms; }, 0, 10'000},

    Key{"srtp.min_packets", Kind::kPlain, "Fewer packets of a stream are not judged.", "SRTP-004", "",
        [](Policy& p) -> Place { return &p.limits.srtp.min_packets; }, 1, 1'000'000},
    Key{"srtp.max_roc_guess", Kind::kPlain, "Sequence wraps to try before a capture that began late.", "SRTP-028", "",
        [](Policy& p) -> Place { return &p.limits.srtp.max_roc_guess; }, 0, 1024},
    Key{"srtp.min_key_bits", Kind::kPlain, "Shortest acceptable encryption key.", "SRTP-015", "",
        [](Policy& p) -> Place { return &p.limits.srtp.min_key_bits; }, 0, 256},
    Key{"srtp.min_tag_bits", Kind::kPlain, "Shortest acceptable authentication tag.", "SRTP-013", "",
        [](Policy& p) -> Place { return &p.limits.srtp.min_tag_bits; }, 0, 128},
    Key{"srtp.after_bye_s", Kind::kPlain, "Media may go on so long after the call.", "SRTP-059", "",
        [](Policy& p) -> Place { return &p.limits.srtp.after_bye_s; }, 0, 3600},
    Key{"srtp.require_aead", Kind::kPlain, "Only AEAD suites are acceptable.", "SRTP-015", "",
        [](Policy& p) -> Place { return &p.limits.srtp.require_aead; }},
    Key{"srtp.require_mky", Kind::kPlain, "DTLS fingerprints must be bound by a signed mky claim.", "SRTP-044", "",
        [](Policy& p) -> Place { return &p.limits.srtp.require_mky; }},
    Key{"srtp.allow_osrtp", Kind::kPlain, "Best-effort encryption (RFC 8643) is agreed.", "SRTP-006", "",
        [](Policy& p) -> Place { return &p.limits.srtp.allow_osrtp; }},
    Key{"srtp.allow_clear_early", Kind::kPlain, "Clear early media is agreed.", "SRTP-011", "",
        [](Policy& p) -> Place { return &p.limits.srtp.allow_clear_early; }},
    Key{"srtp.allow_fallback_retry", Kind::kPlain, "A second attempt in the clear after a refusal is agreed.",
        "SRTP-009", "", [](Policy& p) -> Place { return &p.limits.srtp.allow_fallback_retry; }},

    Key{"stir.max_age_s", Kind::kPlain, "Oldest acceptable token.", "STIR-015", "",
        [](Policy& p) -> Place { return &p.limits.stir.max_age_s; }, 1, kYear},
    Key{"stir.max_future_s", Kind::kPlain, "A token may be ahead of the call by so much.", "STIR-016", "",
        [](Policy& p) -> Place { return &p.limits.stir.max_future_s; }, 0, kYear},
    Key{"stir.max_unsigned_pct", Kind::kPlain, "More unsigned calls of a trunk are a finding.", "STIR-048", "",
        [](Policy& p) -> Place { return &p.limits.stir.max_unsigned_pct; }, 0, 100},
    Key{"stir.relax_x5u", Kind::kPlain, "Any port, query or user part in x5u is fine.", "STIR-009", "",
        [](Policy& p) -> Place { return &p.limits.stir.relax_x5u; }},

    Key{"fraud.fail_burst", Kind::kPlain, "Failed logins of one account from one source.", "FRAUD-011", "",
        [](Policy& p) -> Place { return &p.limits.fraud.fail_burst; }},
    Key{"fraud.fail_burst_slow", Kind::kPlain, "The same, slowly.", "FRAUD-011", "",
        [](Policy& p) -> Place { return &p.limits.fraud.fail_burst_slow; }},
    Key{"fraud.fail_critical", Kind::kPlain, "So many within 24 h are critical.", "FRAUD-011", "",
        [](Policy& p) -> Place { return &p.limits.fraud.fail_critical; }, 1},
    Key{"fraud.spray_accounts", Kind::kPlain, "Accounts tried by one source with few guesses each.", "FRAUD-012", "",
        [](Policy& p) -> Place { return &p.limits.fraud.spray_accounts; }},
    Key{"fraud.spray_accounts_slow", Kind::kPlain, "The same, slowly.", "FRAUD-012", "",
        [](Policy& p) -> Place { return &p.limits.fraud.spray_accounts_slow; }},
    Key{"fraud.enum_users", Kind::kPlain, "Users asked for by one source and refused.", "FRAUD-010", "",
        [](Policy& p) -> Place { return &p.limits.fraud.enum_users; }},
    Key{"fraud.enum_users_slow", Kind::kPlain, "The same, slowly.", "FRAUD-010", "",
        [](Policy& p) -> Place { return &p.limits.fraud.enum_users_slow; }},
    Key{"fraud.sweep_hosts", Kind::kPlain, "Own addresses visited by one source.", "FRAUD-005", "",
        [](Policy& p) -> Place { return &p.limits.fraud.sweep_hosts; }},
    Key{"fraud.sweep_hosts_slow", Kind::kPlain, "The same, slowly.", "FRAUD-005", "",
        [](Policy& p) -> Place { return &p.limits.fraud.sweep_hosts_slow; }},
    Key{"fraud.max_concurrent", Kind::kPlain, "External calls of one account at a time.", "FRAUD-048", "",
        [](Policy& p) -> Place { return &p.limits.fraud.max_concurrent; }, 1},
    Key{"fraud.max_concurrent_risky", Kind::kPlain, "The same, to destinations of the alert tiers.", "FRAUD-048", "",
        [](Policy& p) -> Place { return &p.limits.fraud.max_concurrent_risky; }, 1},
    Key{"fraud.velocity_international", Kind::kPlain, "International calls of one account.", "FRAUD-049", "",
        [](Policy& p) -> Place { return &p.limits.fraud.velocity_international; }},
    Key{"fraud.velocity_external", Kind::kPlain, "External calls of one account.", "FRAUD-049", "",
        [](Policy& p) -> Place { return &p.limits.fraud.velocity_external; }},
    Key{"fraud.max_call_s", Kind::kPlain, "Longest plausible call.", "FRAUD-050", "",
        [](Policy& p) -> Place { return &p.limits.fraud.max_call_s; }, 1, kYear},
    Key{"fraud.max_call_international_s", Kind::kPlain, "Longest plausible international call.", "FRAUD-050", "",
        [](Policy& p) -> Place { return &p.limits.fraud.max_call_international_s; }, 1, kYear},
    Key{"fraud.alert_tiers", Kind::kTiers, "Risk tiers whose destinations alert.", "FRAUD-041", "",
        [](Policy& p) -> Place { return &p.limits.fraud.alert_tiers; }},
    Key{"fraud.flood_floor.invite", Kind::kPlain, "INVITEs a second from one source below which nothing is a flood.",
        "FRAUD-025", "", [](Policy& p) -> Place { return &p.limits.fraud.flood_floor.invite; }, 1},
    Key{"fraud.flood_floor.register", Kind::kPlain, "REGISTERs a second.", "FRAUD-025", "",
        [](Policy& p) -> Place { return &p.limits.fraud.flood_floor.register_; }, 1},
    Key{"fraud.flood_floor.options", Kind::kPlain, "OPTIONS a second.", "FRAUD-025", "",
        [](Policy& p) -> Place { return &p.limits.fraud.flood_floor.options; }, 1},
    Key{"fraud.flood_floor.all", Kind::kPlain, "Requests of any kind a second.", "FRAUD-025", "",
        [](Policy& p) -> Place { return &p.limits.fraud.flood_floor.all; }, 1},
    Key{"fraud.rates.placeholder", Kind::kRates,
        "Price a minute by tier (low, medium, high, critical) without a rate table.", "FRAUD-069", "",
        [](Policy& p) -> Place { return &p.limits.fraud.rates.placeholder; }},
    Key{"fraud.rates.currency", Kind::kPlain, "Currency of these prices.", "FRAUD-069", "",
        [](Policy& p) -> Place { return &p.limits.fraud.rates.currency; }},

    Key{"auth.nonce_max_s", Kind::kPlain, "Longest acceptable life of a nonce.", "AUTH-011", "",
        [](Policy& p) -> Place { return &p.limits.auth.nonce_max_s; }, 1, kYear},
    Key{"oauth.max_life_s", Kind::kPlain, "Longest acceptable life of a bearer token.", "AUTH-068", "",
        [](Policy& p) -> Place { return &p.limits.oauth.max_life_s; }, 1, kYear},
    Key{"oauth.issuers", Kind::kPlain, "Authorization servers that may be named in a challenge.", "auth-audit",
        "[\"https://login.example.com\"]", [](Policy& p) -> Place { return &p.limits.oauth.issuers; }},
    Key{"tls.expiry_warn_days", Kind::kPlain, "Warn so long before a certificate expires.", "AUTH-044", "",
        [](Policy& p) -> Place { return &p.limits.tls.expiry_warn_days; }, 0, 3660},
    Key{"sbc.max_block_s", Kind::kPlain, "A scanner must be blocked within this time.", "SBC-002", "",
        [](Policy& p) -> Place { return &p.limits.sbc.max_block_s; }, 1, kYear},
    Key{"sbc.remote_access", Kind::kPlain, "Phones may register from anywhere.", "sbc-audit", "",
        [](Policy& p) -> Place { return &p.limits.sbc.remote_access; }},
    Key{"e911.location_max_age_h", Kind::kPlain, "Oldest acceptable location in an emergency call.", "COMP-031", "",
        [](Policy& p) -> Place { return &p.limits.e911.location_max_age_h; }, 1, 100'000},
    Key{"e911.provisioned", Kind::kPlain, "Locations are provisioned by account, not sent in the call.", "COMP-031", "",
        [](Policy& p) -> Place { return &p.limits.e911.provisioned; }},
    Key{"fcc.min_signed_pct", Kind::kPlain, "Share of own calls that must carry a signed identity.", "COMP-020", "",
        [](Policy& p) -> Place { return &p.limits.fcc.min_signed_pct; }, 0, 100},
    Key{"retention.days", Kind::kPlain, "How long captures may be kept.", "COMP-047", "",
        [](Policy& p) -> Place { return &p.limits.retention.days; }, 0, 36'600},
    Key{"timeline.join_h", Kind::kPlain, "Pauses shorter than this don't split a campaign.", "TL-002", "",
        [](Policy& p) -> Place { return &p.limits.timeline.join_h; }, 1, 8784},
};

constexpr std::array kTrunkKeys{
    ListKey{"name", "How reports call it; must be given.", "\"carrier-a\""},
    ListKey{"hosts", "Its addresses, networks and names.", "[\"198.51.100.10\"]"},
    ListKey{"numbers", "Calling numbers that may come from it, as E.164 prefixes.", "[\"+1212555\"]"},
    ListKey{"spc", "Service provider codes that may sign for it.", "[\"709J\"]"},
    ListKey{"headers", "Private headers that are agreed.", "[\"X-Account-Code\"]"},
    ListKey{"cps", "Calls a second by contract.", "20"},
    ListKey{"tdm", "Circuits: no signed identity is expected.", "false"},
    ListKey{"wholesale", "Any destination may be called.", "false"},
    ListKey{"clear_media", "Media without SRTP is agreed.", "false"},
};

constexpr std::array kSuppressKeys{
    ListKey{"check", "Id or name of a check, or several; must be given. \"*\" is every check.", "[\"SRTP-001\"]"},
    ListKey{"reason", "Why; must be given, and is shown with the finding.", "\"lab trunk, ticket 4711\""},
    ListKey{"expires", "From this day (UTC) on it is a finding again.", "2027-01-31"},
    ListKey{"call", "Call-ID, or several; * stands for anything.", "[\"*@lab.example.com\"]"},
    ListKey{"address", "Address or network, or several.", "[\"192.0.2.0/28\"]"},
    ListKey{"number", "Number prefix, or several.", "[\"+1212555\"]"},
    ListKey{"account", "Account, or several; * stands for anything.", "[\"test-*\"]"},
    ListKey{"input", "Path of an input, or several; * stands for anything.", "[\"*/lab-*.pcap\"]"},
    ListKey{"fingerprint", "Fingerprint of one finding, or several.", "[]"},
};

std::string list_of(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + quoted(text);
  return out + "]";
}

std::vector<std::string> texts_of(const Networks& networks) {
  std::vector<std::string> texts;
  for (const Network& network : networks.all()) texts.push_back(network.to_string());
  return texts;
}

std::string number(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

struct ToToml {
  std::string operator()(const bool* flag) const { return *flag ? "true" : "false"; }
  std::string operator()(const std::uint64_t* count) const { return std::to_string(*count); }
  std::string operator()(const double* value) const { return number(*value); }
  std::string operator()(const std::string* text) const { return quoted(*text); }
  std::string operator()(const std::vector<std::string>* texts) const { return list_of(*texts); }
  std::string operator()(const std::vector<double>* values) const {
    std::string out = "[";
    for (const double value : *values) out += (out.size() > 1 ? ", " : "") + number(value);
    return out + "]";
  }
  std::string operator()(const Window* window) const {
    const auto seconds = static_cast<std::uint64_t>(window->within.count());
    const bool hours = seconds % 3600 == 0 && seconds >= 7200;
    return quoted(fmt::format("{} in {} {}", window->count, hours ? seconds / 3600 : seconds, hours ? "h" : "s"));
  }
  std::string operator()(const Networks* networks) const { return list_of(texts_of(*networks)); }
  std::string operator()(const Hosts* hosts) const {
    std::vector<std::string> texts = texts_of(hosts->networks);
    texts.insert(texts.end(), hosts->names.begin(), hosts->names.end());
    return list_of(texts);
  }
  std::string operator()(const Hours* hours) const { return list_of(hours->texts()); }
};

}  // namespace

std::span<const Key> keys() { return kKeys; }
std::span<const ListKey> trunk_keys() { return kTrunkKeys; }
std::span<const ListKey> suppress_keys() { return kSuppressKeys; }

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string to_toml(const Place& place) { return std::visit(ToToml{}, place); }

}  // namespace voip::policy
