#include "analyze/fraud/state.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "analyze/fraud/incident.h"
#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

using Json = nlohmann::ordered_json;
using Row = StateSection::Row;

constexpr std::size_t kMaxCells = 512;
constexpr std::uint64_t kCarried = 0xc0ffee;  // marks links that join what an earlier run had joined

std::string dump(const Json& json) { return json.dump(1, '\t', false, Json::error_handler_t::replace) + "\n"; }

// A whole document without exceptions; discarded when it is none.
Json read(std::string_view text) { return Json::parse(text, nullptr, false); }

std::uint64_t number_in(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

Timestamp time_in(const Json& json, const char* key) {
  const auto at = json.find(key);
  if (at == json.end() || !at->is_string()) return {};
  return parse_time(at->get_ref<const std::string&>()).value_or(Timestamp{});
}

Json habits_json(const Profile& profile) {
  Json list = Json::array();
  for (const auto& [account, habit] : profile.habits()) {
    if (list.size() >= State::kMaxRows) break;
    Json one;
    one["account"] = account;
    one["calls"] = habit.calls;
    one["off_hours"] = habit.off_hours;
    one["concurrent_peak"] = habit.concurrent_peak;
    one["busiest_window"] = habit.busiest_window;
    one["countries"] = habit.countries;
    one["sources"] = habit.sources;
    one["devices"] = habit.devices;
    list.push_back(std::move(one));
  }
  return list;
}

void read_counts(const Json& json, const char* key, std::map<std::string, std::uint64_t>& counts) {
  const auto at = json.find(key);
  if (at == json.end() || !at->is_object()) return;
  for (const auto& [name, count] : at->items()) {
    if (counts.size() >= kMaxCells) break;
    if (count.is_number_unsigned()) counts[name] = count.get<std::uint64_t>();
  }
}

void read_habits(const Json& json, Profile& profile) {
  profile.from = time_in(json, "from");
  profile.to = time_in(json, "to");
  const auto list = json.find("accounts");
  if (list == json.end() || !list->is_array()) return;
  for (const Json& one : *list) {
    if (!one.is_object() || !one.contains("account") || !one["account"].is_string()) continue;
    if (profile.habits().size() >= State::kMaxRows) break;
    Habit& habit = profile.habit(one["account"].get<std::string>());
    habit.calls = number_in(one, "calls");
    habit.off_hours = number_in(one, "off_hours");
    habit.concurrent_peak = number_in(one, "concurrent_peak");
    habit.busiest_window = number_in(one, "busiest_window");
    read_counts(one, "countries", habit.countries);
    read_counts(one, "sources", habit.sources);
    read_counts(one, "devices", habit.devices);
  }
}

Json profile_json(const Profile& profile) {
  Json json;
  json["from"] = format_utc_exact(profile.from);
  json["to"] = format_utc_exact(profile.to);
  json["accounts"] = habits_json(profile);
  return json;
}

// Cells of one row, front to back; what is missing reads as empty.
class RowReader {
 public:
  explicit RowReader(const Row& row) : row_(row) {}
  std::string text() { return at_ < row_.size() ? row_[at_++] : std::string(); }
  std::uint64_t number() { return parse_number<std::uint64_t>(text()).value_or(0); }
  Timestamp time() {
    const std::string cell = text();
    if (cell.empty()) return {};
    const bool minus = cell[0] == '-';
    const auto ns = parse_number<std::uint64_t>(std::string_view(cell).substr(minus ? 1 : 0)).value_or(0);
    const auto value = static_cast<std::int64_t>(std::min<std::uint64_t>(ns, INT64_MAX));
    return {minus ? -value : value};
  }
  FrameRef frame() {
    const Timestamp moment = time();
    const std::uint64_t frame = number();
    if (!moment.known() || frame == 0) return {};
    return {.input = kEarlierRun, .number = frame, .time = moment};
  }
  bool flag() { return number() != 0; }

 private:
  const Row& row_;
  std::size_t at_ = 0;
};

void put(Row& row, Timestamp moment) { row.push_back(moment.known() ? fmt::format("{}", moment.ns) : std::string()); }
void put(Row& row, std::uint64_t number) { row.push_back(fmt::format("{}", number)); }
void put(Row& row, const FrameRef& frame) {
  put(row, frame.known() ? frame.time : Timestamp{});
  put(row, frame.number);
}

}  // namespace

std::string State::to_json() const {
  Json json;
  json["schema"] = kSchema;
  json["history"] = profile_json(history);
  Json all = Json::object();
  for (const auto& [name, section] : sections) {
    Json rows = Json::array();
    const std::size_t skip = section.rows().size() > kMaxRows ? section.rows().size() - kMaxRows : 0;
    for (std::size_t i = skip; i < section.rows().size(); ++i) rows.push_back(section.rows()[i]);
    all[name] = std::move(rows);
  }
  json["sections"] = std::move(all);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<State> State::from_json(std::string_view text) {
  const Json json = read(text);
  if (json.is_discarded() || !json.is_object()) return Error{"not a state of fraud-scan: no JSON object"};
  const auto schema = json.find("schema");
  if (schema == json.end() || !schema->is_string() || schema->get_ref<const std::string&>() != kSchema)
    return Error{fmt::format("not a state of this version (wanted {})", kSchema)};
  State state;
  if (const auto history = json.find("history"); history != json.end() && history->is_object())
    read_habits(*history, state.history);
  const auto sections = json.find("sections");
  if (sections == json.end() || !sections->is_object()) return state;
  for (const auto& [name, rows] : sections->items()) {
    if (!rows.is_array() || state.sections.size() >= 64) continue;
    StateSection& section = state.sections[name];
    for (const Json& row : rows) {
      if (!row.is_array() || section.rows().size() >= kMaxRows) continue;
      Row cells;
      for (const Json& cell : row) {
        if (cells.size() >= kMaxCells) break;
        cells.push_back(cell.is_string() ? cell.get<std::string>() : std::string());
      }
      section.add(std::move(cells));
    }
  }
  return state;
}

std::string profile_to_json(const Profile& profile) {
  Json json;
  json["schema"] = "voip-audit/fraud-profile/1";
  const Json inner = profile_json(profile);
  for (const auto& [key, value] : inner.items()) json[key] = value;
  return dump(json);
}

Result<Profile> profile_from_json(std::string_view text, std::string_view what) {
  const Json json = read(text);
  if (json.is_discarded() || !json.is_object()) return Error{fmt::format("{}: no JSON object", what)};
  const auto schema = json.find("schema");
  if (schema == json.end() || !schema->is_string() ||
      schema->get_ref<const std::string&>() != "voip-audit/fraud-profile/1")
    return Error{fmt::format("{}: not a profile that --write-profile wrote", what)};
  Profile profile;
  read_habits(json, profile);
  return profile;
}

void save_calls(const CallTable& calls, Timestamp from, const std::set<std::string>& open, StateSection& section) {
  const auto lead = [&](std::size_t i) -> std::string {
    return calls.records()[calls.calls()[calls.call_of(i)].records.front()].call_id;
  };
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < calls.records().size(); ++i) {
    if (calls.records()[i].entry().invite.time >= from || open.contains(lead(i))) order.push_back(i);
  }
  for (const std::size_t i : order) {
    const CallRecord& record = calls.records()[i];
    Row row;
    for (const Text& text : {record.call_id, record.account, record.user_agent, record.from_host, record.to_user,
                             record.display, record.diversion})
      row.push_back(text);
    put(row, std::uint64_t{calls.call_of(i)});
    put(row, record.last);
    put(row, record.end);
    put(row, record.shape);
    put(row, std::uint64_t{record.others});
    put(row, std::uint64_t{record.login_failures});
    put(row, static_cast<std::uint64_t>(std::max<int>(record.least_max_forwards, 0)));
    put(row, std::uint64_t{record.most_vias});
    put(row, std::uint64_t{record.digits});
    const std::uint64_t flags = (record.challenged ? 1U : 0U) | (record.logged_in ? 2U : 0U) | (record.bye ? 4U : 0U) |
                                (record.ended_by_caller ? 8U : 0U) | (record.cancelled ? 16U : 0U) |
                                (record.transferred ? 32U : 0U) | (record.hidden ? 64U : 0U) |
                                (record.refuted ? 128U : 0U);
    put(row, flags);
    for (const CallHop& hop : record.hops) {
      row.push_back(hop.from.to_string());
      row.push_back(hop.to.to_string());
      row.push_back(hop.dialled);
      row.push_back(hop.caller);
      row.push_back(hop.asserted);
      for (const SmallFrame& frame : {hop.invite, hop.accepted, hop.ringing, hop.answer, hop.final}) put(row, frame);
      put(row, std::uint64_t{hop.status});
      put(row, std::uint64_t{hop.requests});
    }
    section.add(std::move(row));
  }
}

CallRecords load_calls(const StateSection& section) {
  constexpr std::size_t kHead = 18;  // cells before the hops; `last` takes two
  constexpr std::size_t kHop = 17;
  CallRecords records;
  TextPool& texts = records.texts;
  for (const Row& row : section.rows()) {
    if (row.size() < kHead + kHop) continue;
    RowReader in(row);
    CallRecord record;
    record.call_id = texts.keep(in.text());
    for (Text* text :
         {&record.account, &record.user_agent, &record.from_host, &record.to_user, &record.display, &record.diversion})
      *text = texts.once(in.text());
    record.links.emplace_back(session::LinkKind::kSessionId, TextKey{in.number(), kCarried});
    record.last = in.frame();
    record.end = in.time();
    record.shape = in.number();
    record.others = static_cast<std::uint32_t>(in.number());
    record.login_failures = static_cast<std::uint32_t>(in.number());
    record.least_max_forwards = static_cast<std::int16_t>(std::min<std::uint64_t>(in.number(), 255));
    record.most_vias = static_cast<unsigned>(in.number());
    record.digits = static_cast<std::uint32_t>(in.number());
    const std::uint64_t flags = in.number();
    record.challenged = (flags & 1) != 0;
    record.logged_in = (flags & 2) != 0;
    record.bye = (flags & 4) != 0;
    record.ended_by_caller = (flags & 8) != 0;
    record.cancelled = (flags & 16) != 0;
    record.transferred = (flags & 32) != 0;
    record.hidden = (flags & 64) != 0;
    record.refuted = (flags & 128) != 0;
    for (std::size_t used = kHead; used + kHop <= row.size() && record.hops.size() < 24; used += kHop) {
      CallHop hop;
      hop.from = IpAddress::parse(in.text()).value_or(IpAddress{});
      hop.to = IpAddress::parse(in.text()).value_or(IpAddress{});
      for (Text* text : {&hop.dialled, &hop.caller, &hop.asserted}) *text = texts.once(in.text());
      for (SmallFrame* frame : {&hop.invite, &hop.accepted, &hop.ringing, &hop.answer, &hop.final}) *frame = in.frame();
      hop.status = static_cast<unsigned>(in.number());
      hop.requests = static_cast<std::uint32_t>(in.number());
      if (!hop.invite.known()) break;
      record.hops.push_back(hop);
    }
    if (!record.hops.empty()) records.list.push_back(std::move(record));
  }
  return records;
}

void save_accounts(const AccountLedger& accounts, StateSection& section) {
  for (const auto& [name, facts] : accounts.accounts()) {
    for (const auto& [address, source] : facts.sources) {
      Row row{"account", name, address.to_string()};
      put(row, source.registrations);
      put(row, source.failures);
      put(row, source.first);
      put(row, source.last);
      row.push_back(source.user_agent);
      section.add(std::move(row));
    }
  }
  for (const auto& [address, count] : accounts.registrars())
    section.add({"registrar", address.to_string(), fmt::format("{}", count)});
  for (const auto& [domain, count] : accounts.domains()) section.add({"domain", domain, fmt::format("{}", count)});
}

void load_accounts(const StateSection& section, AccountLedger& accounts) {
  for (const Row& row : section.rows()) {
    RowReader in(row);
    const std::string kind = in.text();
    if (kind == "account") {
      const std::string name = in.text();
      const auto address = IpAddress::parse(in.text());
      if (!address || name.empty()) continue;
      AccountSource source;
      source.registrations = in.number();
      source.failures = in.number();
      source.first = in.frame();
      source.last = in.frame();
      source.user_agent = in.text();
      accounts.restore(name, *address, source);
    } else if (kind == "registrar") {
      if (const auto address = IpAddress::parse(in.text())) accounts.restore_registrar(*address, in.number());
    } else if (kind == "domain") {
      const std::string domain = in.text();
      accounts.restore_domain(domain, in.number());
    }
  }
}

}  // namespace voip::analyze::fraud
