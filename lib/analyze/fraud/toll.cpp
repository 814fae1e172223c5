#include "analyze/fraud/toll.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::size_t kMaxCallIds = 1024;

// One entry of an allow or block list: a country, a calling code or prefix, a kind, or "premium" and the like.
bool matches(std::string_view entry, const Number& number) {
  if (entry.empty()) return false;
  if (entry == "*") return true;
  const std::string_view digits = entry.starts_with('+') ? entry.substr(1) : entry;
  if (std::ranges::all_of(digits, is_digit)) {
    return !number.e164.empty() && std::string_view(number.e164).substr(1).starts_with(digits);
  }
  const Destination* destination = number.destination;
  if (destination == nullptr) return false;
  if (istarts_with(entry, "tier:")) return iequals(entry.substr(5), to_string(destination->tier));
  if (iequals(entry, "premium")) return destination->premium();
  if (iequals(entry, "satellite")) return destination->satellite();
  return iequals(entry, destination->country) || iequals(entry, to_string(destination->kind)) ||
         iequals(entry, destination->name);
}

template <class T, class Text>
std::string joined(const std::vector<T>& items, std::size_t most, Text text) {
  std::string out;
  const std::size_t shown = items.size() > most + 1 ? most : items.size();
  for (std::size_t i = 0; i < shown; ++i) {
    if (i != 0) out += ", ";
    out += text(items[i]);
  }
  if (shown < items.size()) out += fmt::format(" and {} more", items.size() - shown);
  return out;
}

}  // namespace

bool allowed(const Site& site, const Number& number) {
  return std::ranges::any_of(site.allowed_destinations, [&](const std::string& e) { return matches(e, number); });
}

bool blocked(const Site& site, const Number& number) {
  return std::ranges::any_of(site.blocked_destinations, [&](const std::string& e) { return matches(e, number); });
}

bool risky(const TollContext& context, const PhoneCall& call) { return risky(context, call.number); }

bool risky(const TollContext& context, const Number& number) {
  if (number.destination == nullptr || !number.external()) return false;
  if (allowed(context.site(), number)) return false;
  // The own country's ordinary numbers are never abroad, whatever its tier.
  if (number.kind == NumberClass::kNational && number.destination->kind == DestinationKind::kCountry) return false;
  return context.limits().alert_tiers[static_cast<std::size_t>(number.destination->tier)];
}

std::string destination_name(const Number& number) {
  if (number.destination != nullptr) return number.destination->name;
  return number.e164.empty() ? std::string() : std::string("unknown code");
}

std::string minutes_text(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  return fmt::format("{:.1f} minutes", seconds / 60);
}

std::string plural(std::uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string list_text(const std::vector<std::string>& items, std::size_t most) {
  return joined(items, most, [](const std::string& item) { return item; });
}
std::string hosts_text(const std::vector<IpAddress>& items, std::size_t most) {
  return joined(items, most, [](const IpAddress& item) { return item.to_string(); });
}

std::size_t most_within(const TollContext& context, const CallRefs& calls, std::chrono::seconds window) {
  std::size_t most = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Timestamp now = context.calls()[calls[i]].start;
    while (later_by(context.calls()[calls[begin]].start, now, window)) ++begin;
    most = std::max(most, i - begin + 1);
  }
  return most;
}

report::Severity raised(report::Severity severity) {
  return severity == report::Severity::kCritical ? severity
                                                 : static_cast<report::Severity>(static_cast<unsigned>(severity) + 1);
}

// From outside to here: by a peer, or by a stranger that nobody knows.
bool arriving(const TollContext& context, const PhoneCall& call) {
  if (call.inbound()) return true;
  return !call.outbound() && call.direction != CallDirection::kTransit && !call.authenticated &&
         !context.phone(call.source) && !context.own(call.source);
}

void tell_ends(const TollContext& context, const CallRefs& list, Incident& incident, std::string_view what) {
  const PhoneCall& first = context.calls()[list.front()];
  const PhoneCall& last = context.calls()[list.back()];
  incident.evidence.push_back(
      {first.invite, fmt::format("first {}, {} to {}", what, first.caller, first.number.dialled)});
  if (list.size() > 1)
    incident.evidence.push_back(
        {last.invite, fmt::format("last {}, {} to {}", what, last.caller, last.number.dialled)});
}

void add_calls(const TollContext& context, const CallRefs& calls, Incident& incident) {
  std::vector<const PhoneCall*> list;
  for (const std::size_t index : calls) {
    const PhoneCall& call = context.calls()[index];
    list.push_back(&call);
    ++incident.calls;
    incident.messages += call.requests;
    if (call.answered()) ++incident.answered;
    incident.answered_seconds += call.seconds();
    incident.targets.push_back(call.entry.to_string());
    if (!call.number.shown().empty()) incident.numbers.push_back(call.number.shown());
    const std::string destination = destination_name(call.number);
    if (!destination.empty()) incident.destinations.push_back(destination);
    if (!incident.first.known() || call.invite < incident.first) incident.first = call.invite;
    if (!incident.last.known() || incident.last < call.last) incident.last = call.last;
    if (incident.call_ids.size() < kMaxCallIds)
      incident.call_ids.push_back(context.all.calls.records()[call.records.front()].call_id);
  }
  incident.concurrent_peak = std::max(incident.concurrent_peak, concurrency(list).calls);
}

}  // namespace voip::analyze::fraud
