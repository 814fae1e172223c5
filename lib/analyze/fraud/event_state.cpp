#include "analyze/fraud/malformed.h"
#include "analyze/fraud/media_watch.h"
#include "analyze/fraud/state_rows.h"
#include "analyze/fraud/toll_notes.h"

// Broken messages, odd media, transfers and text messages, from run to run.
namespace voip::analyze::fraud {

namespace {

using Row = StateSection::Row;
using Reader = RowReader;
using Writer = RowWriter;

constexpr std::size_t kMaxSenders = 4096;
constexpr std::size_t kMaxEvents = 4096;
constexpr std::size_t kMaxTimes = 400;  // of a row
constexpr std::size_t kMaxTargets = 64;
constexpr std::chrono::hours kDay{24};

template <class List>
void times(Writer& row, const List& list) {
  const std::size_t skip = list.size() > kMaxTimes ? list.size() - kMaxTimes : 0;
  for (std::size_t i = skip; i < list.size(); ++i)
    row.number(static_cast<std::uint64_t>(std::max<std::int64_t>(0, list[i])));
}

std::vector<std::int64_t> times(Reader& in) {
  std::vector<std::int64_t> list;
  while (in.more()) list.push_back(static_cast<std::int64_t>(std::min<std::uint64_t>(in.number(), INT64_MAX)));
  return list;
}

}  // namespace

void MalformedWatch::save(StateSection& section) const {
  std::size_t rows = 0;
  for (const Sender& sender : senders_) {
    if (sender.record == nullptr) continue;
    const Record& record = *sender.record;
    FrameRef latest = std::max(record.last_broken, record.last_hit);
    latest = std::max({latest, record.odd_port.last, record.amplification.last});
    if (later_by(latest.time, last_, kDay) || ++rows > kMaxSenders) continue;
    Writer head('B');
    head.address(sender.address).number(sender.requests).number(record.broken).number(record.carrying);
    head.frame(record.first_broken).frame(record.last_broken).frame(record.last_hit);
    head.number(record.kinds.bits());
    section.add(head.take());
    const auto hit = [&](char which, const Hit& one) {
      if (one.count == 0) return;
      section.add(Writer('J')
                      .text({&which, 1})
                      .number(one.count)
                      .frame(one.first)
                      .frame(one.last)
                      .text(one.field)
                      .text(one.text)
                      .take());
    };
    for (std::size_t i = 0; i < record.hits.size(); ++i) hit(static_cast<char>('0' + i), record.hits[i]);
    hit('p', record.odd_port);
    hit('a', record.amplification);
    Writer broken('Q');
    times(broken, record.times);
    section.add(broken.take());
    Writer amplified('V');
    times(amplified, record.amplified);
    section.add(amplified.take());
    Writer targets('N');
    for (const IpAddress& target : record.targets) targets.address(target);
    section.add(targets.take());
  }
}

void MalformedWatch::load(const StateSection& section) {
  Sender* sender = nullptr;
  for (const Row& row : section.rows()) {
    if (row.empty() || row.front().size() != 1) continue;
    Reader in(row);
    const char letter = row.front().front();
    if (letter == 'B') {
      const auto address = IpAddress::parse(in.text());
      sender = address ? sender_of(*address) : nullptr;
      if (sender == nullptr) continue;
      Record& record = sender->cause();
      sender->requests = in.number();
      record.broken = in.number();
      record.carrying = in.number();
      record.first_broken = in.frame();
      record.last_broken = in.frame();
      record.last_hit = in.frame();
      const std::uint64_t kinds = in.number();
      for (unsigned i = 0; i < 64; ++i) {
        if ((kinds >> i & 1) != 0) record.kinds.add(static_cast<sip::Anomaly>(i));
      }
      continue;
    }
    if (sender == nullptr) continue;
    Record& record = sender->cause();
    switch (letter) {
      case 'J': {
        const std::string_view which = in.text();
        if (which.size() != 1) break;
        const char c = which.front();
        const bool known = c >= '0' && static_cast<std::size_t>(c - '0') < record.hits.size();
        Hit* hit = known      ? &record.hits[static_cast<std::size_t>(c - '0')]
                   : c == 'p' ? &record.odd_port
                   : c == 'a' ? &record.amplification
                              : nullptr;
        if (hit == nullptr) break;
        hit->count = in.number();
        hit->first = in.frame();
        hit->last = in.frame();
        hit->field = in.text();
        hit->text = in.text();
        break;
      }
      case 'Q': record.times = times(in); break;
      case 'V': record.amplified = times(in); break;
      case 'N':
        while (in.more() && record.targets.size() < kMaxTargets) record.targets.push_back(in.address());
        break;
      default: break;
    }
  }
}

void MediaWatch::save(StateSection& section) const {
  FrameRef latest;
  for (const Injection& one : injections_) latest = std::max(latest, one.last);
  for (const Flood& one : floods_) latest = std::max(latest, one.last);
  const auto old = [&](const FrameRef& frame) { return later_by(frame.time, latest.time, kDay); };
  std::size_t rows = 0;
  for (const Injection& one : injections_) {
    if (old(one.last) || ++rows > kMaxEvents) continue;
    section.add(Writer('I')
                    .address(one.source)
                    .address(one.into.address)
                    .number(one.into.port())
                    .text(one.call_id)
                    .number(one.packets)
                    .frame(one.first)
                    .frame(one.last)
                    .frame(one.stream)
                    .flag(one.certain)
                    .take());
  }
  for (const Flood& one : floods_) {
    if (old(one.last) || ++rows > kMaxEvents) continue;
    section.add(Writer('F')
                    .address(one.source)
                    .address(one.into.address)
                    .number(one.into.port())
                    .number(one.packets)
                    .number(static_cast<std::uint64_t>(one.rate))
                    .frame(one.first)
                    .frame(one.last)
                    .take());
  }
  ports_.save(section);
}

void MediaWatch::load(const StateSection& section) {
  ports_.load(section);
  for (const Row& row : section.rows()) {
    if (row.empty() || row.front().size() != 1 || ++earlier_ > kMaxEvents) continue;
    Reader in(row);
    const auto into = [&] {
      const IpAddress address = in.address();
      return Endpoint(address, static_cast<std::uint16_t>(in.number() & 0xffff));
    };
    if (row.front() == "I") {
      Injection one;
      one.source = in.address();
      one.into = into();
      one.call_id = in.text();
      one.packets = in.number();
      one.first = in.frame();
      one.last = in.frame();
      one.stream = in.frame();
      one.certain = in.flag();
      injections_.push_back(std::move(one));
    } else if (row.front() == "F") {
      Flood one;
      one.source = in.address();
      one.into = into();
      one.packets = in.number();
      one.rate = static_cast<double>(in.number());
      one.first = in.frame();
      one.last = in.frame();
      floods_.push_back(one);
    } else {
      --earlier_;
    }
  }
  restored_ = injections_.size();
}

void TollNotes::save(Timestamp from, StateSection& section) const {
  std::size_t rows = 0;
  for (const Referral& one : referrals_) {
    if (one.request.time < from || ++rows > kMaxEvents) continue;
    section.add(Writer('r')
                    .frame(one.request)
                    .frame(one.final)
                    .address(one.asker)
                    .address(one.asked)
                    .text(one.call_id)
                    .text(one.target)
                    .text(one.referred_by)
                    .text(one.account)
                    .number(one.status)
                    .flag(one.redirect)
                    .flag(one.in_dialog)
                    .take());
  }
  for (const auto& [address, one] : senders_) {
    if (one.last.time < from || ++rows > kMaxEvents) continue;
    Writer row('m');
    row.address(address).frame(one.first).frame(one.last).number(one.messages).number(one.accepted);
    row.number(one.authenticated).frame(one.first_accepted).number(one.targets.size());
    for (const IpAddress& target : one.targets) row.address(target);
    const std::size_t skip = one.sent.size() > kMaxTimes / 2 ? one.sent.size() - kMaxTimes / 2 : 0;
    for (std::size_t i = skip; i < one.sent.size(); ++i) row.time(one.sent[i].first).text(one.sent[i].second);
    section.add(row.take());
  }
}

void TollNotes::load(const StateSection& section) {
  for (const Row& row : section.rows()) {
    if (row.empty() || referrals_.size() + senders_.size() >= 2 * kMaxEvents) continue;
    Reader in(row);
    if (row.front() == "r") {
      Referral one;
      one.request = in.frame();
      one.final = in.frame();
      one.asker = in.address();
      one.asked = in.address();
      one.call_id = in.text();
      one.target = in.text();
      one.referred_by = in.text();
      one.account = in.text();
      one.status = in.count();
      one.redirect = in.flag();
      one.in_dialog = in.flag();
      referrals_.push_back(std::move(one));
    } else if (row.front() == "m") {
      MessageSender& one = senders_[in.address()];
      one.first = in.frame();
      one.last = in.frame();
      one.messages = in.number();
      one.accepted = in.number();
      one.authenticated = in.number();
      one.first_accepted = in.frame();
      for (std::uint64_t n = std::min<std::uint64_t>(in.number(), kMaxTargets); n != 0; --n)
        one.targets.push_back(in.address());
      while (in.more()) {
        const Timestamp moment = in.time();
        one.sent.emplace_back(moment, std::string(in.text()));
      }
    }
  }
}

}  // namespace voip::analyze::fraud
