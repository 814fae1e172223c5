#include "analyze/timeline/date_watch.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "base/bytes.h"
#include "base/text.h"

namespace voip::analyze::timeline {

namespace {

constexpr std::size_t kFewest = 5;
constexpr std::int64_t kFarNs = 30 * kNsPerSecond;
constexpr std::int64_t kSteadyNs = 5 * kNsPerSecond;

std::int64_t median(std::vector<std::int64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

Timestamp parse_sip_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  text = trim(text);
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return {};
  text = trim(text.substr(comma + 1));
  // "13 Nov 2010 23:29:00 GMT"
  if (text.size() < 23 || !iequals(text.substr(text.size() - 3), "GMT")) return {};
  const std::size_t space = text.find(' ');
  const auto day = parse_number<unsigned>(text.substr(0, space));
  if (!day || space == std::string_view::npos || text.size() < space + 18) return {};
  const auto month =
      std::ranges::find_if(kMonths, [&](std::string_view m) { return iequals(m, text.substr(space + 1, 3)); });
  const auto year = parse_number<unsigned>(text.substr(space + 5, 4));
  const std::string_view clock = text.substr(space + 10, 8);
  const auto hour = parse_number<unsigned>(clock.substr(0, 2));
  const auto minute = parse_number<unsigned>(clock.substr(3, 2));
  const auto second = parse_number<unsigned>(clock.substr(6, 2));
  if (month == kMonths.end() || !year || !hour || !minute || !second || clock[2] != ':' || clock[5] != ':') return {};
  if (*day < 1 || *day > 31 || *hour > 23 || *minute > 59 || *second > 60 || *year < 1970 || *year > 2200) return {};
  const std::int64_t days = days_from_civil(*year, static_cast<unsigned>(month - kMonths.begin()) + 1, *day);
  return {(days * 86400 + std::int64_t{*hour} * 3600 + std::int64_t{*minute} * 60 + *second) * kNsPerSecond};
}

void DateWatch::on_message(const dissect::SipEvent& event) {
  if (!event.frame.time.known()) return;
  const std::string_view text = event.message->header(sip::HeaderId::kDate);
  if (text.empty()) return;
  const Timestamp date = parse_sip_date(text);
  if (date.known()) note(event.src.address, false, date.ns - event.frame.time.ns, event.frame);
}

void DateWatch::on_rtcp(const dissect::MediaEvent& event) {
  constexpr std::uint8_t kSenderReport = 200;
  constexpr std::size_t kNtpAt = 8;
  constexpr std::int64_t kNtpToUnix = 2208988800;  // from 1900 to 1970
  const ByteView bytes = event.datagram->payload;
  const FrameRef& frame = event.datagram->frame;
  if (!frame.time.known() || bytes.size() < kNtpAt + 8 || bytes[1] != kSenderReport) return;
  const std::int64_t seconds = std::int64_t{load_be<std::uint32_t>(bytes.data() + kNtpAt)} - kNtpToUnix;
  if (std::abs(seconds - frame.time.ns / kNsPerSecond) > 86400) return;
  const std::uint64_t fraction = load_be<std::uint32_t>(bytes.data() + kNtpAt + 4);
  const auto ns = static_cast<std::int64_t>((fraction * static_cast<std::uint64_t>(kNsPerSecond)) >> 32);
  note(event.datagram->src.address, true, seconds * kNsPerSecond + ns - frame.time.ns, frame);
}

void DateWatch::note(const IpAddress& address, bool rtcp, std::int64_t offset_ns, const FrameRef& frame) {
  const std::pair key{address, rtcp};
  if (senders_.size() >= kMostSenders && !senders_.contains(key)) return;
  Sender& sender = senders_[key];
  if (sender.messages++ == 0) sender.example = frame;
  if (sender.offsets.size() < kMostSamples) sender.offsets.push_back(offset_ns);
}

std::vector<DateOffset> DateWatch::finish() const {
  std::vector<DateOffset> list;
  for (const auto& [key, sender] : senders_) {
    if (sender.offsets.size() < kFewest) continue;
    const std::int64_t middle = median(sender.offsets);
    std::vector<std::int64_t> distances;
    for (const std::int64_t value : sender.offsets) distances.push_back(std::abs(value - middle));
    // One Date for all messages is a constant of a test tool, no clock.
    if (std::abs(middle) < kFarNs || median(distances) > kSteadyNs) continue;
    list.push_back({key.first, key.second, middle, sender.messages, sender.example});
  }
  return list;
}

}  // namespace voip::analyze::timeline
