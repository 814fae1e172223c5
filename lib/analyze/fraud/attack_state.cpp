#include <algorithm>
#include <map>

#include "analyze/fraud/access.h"
#include "analyze/fraud/sources.h"
#include "analyze/fraud/state_rows.h"

// What the attack detectors carry from run to run: rows that begin with a letter for what they hold.
namespace voip::analyze::fraud {

namespace {

using Row = StateSection::Row;
using Reader = RowReader;
using Writer = RowWriter;

constexpr std::int64_t kKeepNs = std::int64_t{24} * 3600 * kNsPerSecond;
constexpr std::int64_t kOpenNs = 40 * kNsPerSecond;  // RFC 3261: a transaction without an answer lasts 32 s
constexpr std::size_t kMaxSources = 20'000;
constexpr std::size_t kMaxTries = 60'000;
constexpr std::size_t kMaxStamps = 4096;  // of one source, the latest
constexpr std::size_t kStampsOfRow = 128;
constexpr std::uint32_t kNoTry = CappedTable<TextKey, int>::kNone;

// The latest ones; of the row that stands before them: a Try, or the source itself.
void write_stamps(const std::vector<const Stamp*>& stamps, StateSection& section) {
  for (std::size_t begin = stamps.size() - std::min(stamps.size(), kMaxStamps); begin < stamps.size();
       begin += kStampsOfRow) {
    Writer when('M');
    for (std::size_t i = begin; i < std::min(stamps.size(), begin + kStampsOfRow); ++i) {
      const Stamp& stamp = *stamps[i];
      when.number(static_cast<std::uint64_t>(stamp.ns))
          .number(static_cast<std::uint64_t>(stamp.method) * 32 + static_cast<std::uint64_t>(stamp.outcome) * 2 +
                  (stamp.answered ? 1 : 0));
    }
    section.add(when.take());
  }
}

}  // namespace

void SourceBook::save(StateSection& section) const {
  const std::int64_t from = last_time_.known() ? last_time_.ns - kKeepNs : 0;
  std::vector<const Source*> kept;
  for (const Source& source : sources_) {
    if (source.last.time.known() && source.last.time.ns >= from) kept.push_back(&source);
  }
  std::ranges::sort(kept, [](const Source* a, const Source* b) { return b->last < a->last; });
  if (kept.size() > kMaxSources) kept.resize(kMaxSources);
  std::ranges::sort(kept, [](const Source* a, const Source* b) { return a->address < b->address; });
  std::size_t tries = 0;
  for (const Source* source : kept) {
    Writer out('S');
    out.text(source->address.to_string()).frame(source->first).frame(source->last).number(source->requests);
    out.number(source->answered).number(source->outside_dialog).number(source->rung).number(source->accepted_invites);
    out.frame(source->first_rung).frame(source->first_accepted).number(source->unlogged).number(source->signs.bits());
    out.frame(source->sign_frame).number(source->registered);
    for (const std::uint64_t count : source->methods) out.number(count);
    for (const std::uint64_t count : source->outcomes) out.number(count);
    section.add(out.take());
    Writer few('L');
    few.number(source->agents.size());
    for (const std::uint32_t id : source->agents) few.text(texts_.text(id));
    few.number(source->via_hosts.size());
    for (const std::uint32_t id : source->via_hosts) few.text(texts_.text(id));
    few.number(source->callers.size());
    for (const std::uint32_t id : source->callers) few.text(texts_.text(id));
    few.number(source->shapes.size());
    for (const std::uint64_t shape : source->shapes) few.number(shape);
    section.add(few.take());
    for (const Target& target : source->targets) {
      section.add(Writer('G')
                      .text(target.host.to_string())
                      .frame(target.first)
                      .frame(target.last)
                      .number(target.visits)
                      .number(target.answered)
                      .take());
    }
    std::map<std::uint32_t, std::vector<const Stamp*>> moments;
    for (const Stamp& stamp : source->stamps) {
      if (stamp.ns >= from) moments[stamp.attempt].push_back(&stamp);
    }
    write_stamps(moments[kNoTry], section);
    for (const std::uint32_t index : source->tries) {
      if (++tries > kMaxTries) break;
      const Try& one = tries_[index];
      Writer row('T');
      row.text(texts_.text(one.user)).text(texts_.text(one.agent));
      for (const SmallFrame& frame :
           {one.first, one.last, one.first_bad, one.last_bad, one.first_good, one.last_good, one.first_passed}) {
        row.frame(frame);
      }
      for (const std::uint32_t count :
           {one.requests, one.bad, one.good, one.good_registers, one.forbidden_invites, one.no_such_user, one.exists,
            one.forbidden, one.other_refusals, one.call_ids, std::uint32_t{one.methods}}) {
        row.number(count);
      }
      row.flag(one.varied)
          .flag(one.followed)
          .flag(one.in_bulk)
          .flag(one.alone)
          .number(one.repeats)
          .frame(one.first_step)
          .flag(one.ask_open)
          .number(one.ask_call_id.low)
          .number(one.ask_call_id.high)
          .frame(one.last_ask)
          .key(one.logins ? one.logins->call_id : TextKey{});
      section.add(row.take());
      write_stamps(moments[index], section);
    }
  }
  const std::int64_t open_from = last_time_.known() ? last_time_.ns - kOpenNs : 0;
  for (const Open& open : pending_) {
    if (open.ns < open_from) continue;
    section.add(Writer('O')
                    .number(open.key.low)
                    .number(open.key.high)
                    .number(static_cast<std::uint64_t>(open.ns))
                    .text(open.source.to_string())
                    .text(open.user)
                    .number(static_cast<std::uint64_t>(open.method))
                    .flag(open.login)
                    .take());
  }
  std::vector<std::pair<IpAddress, const Host*>> hosts;
  const_cast<FlatMap<IpAddress, Host>&>(hosts_).for_each(
      [&](const IpAddress& address, const Host& host) { hosts.emplace_back(address, &host); });
  std::ranges::sort(hosts, {}, [](const auto& item) { return item.first; });
  if (hosts.size() > kMaxSources) hosts.resize(kMaxSources);
  for (const auto& [address, host] : hosts) {
    if (host->registers_accepted == 0 && host->registers_challenged == 0 && host->invites_answered == 0) continue;
    Writer row('H');
    row.text(address.to_string()).number(host->registers_accepted).number(host->registers_challenged);
    row.number(host->invites_answered).number(host->clients).number(host->aors.size());
    for (const std::uint32_t realm : host->realms) row.text(texts_.text(realm));
    section.add(row.take());
  }
}

void SourceBook::load(const StateSection& section) {
  Source* source = nullptr;
  Try* attempt = nullptr;
  const auto small = [](std::uint64_t value, std::size_t cap) { return std::min<std::uint64_t>(value, cap); };
  for (const Row& row : section.rows()) {
    if (row.empty() || row.front().size() != 1) continue;
    Reader in(row);
    switch (row.front().front()) {
      case 'S': {
        attempt = nullptr;
        source = nullptr;
        const auto address = IpAddress::parse(in.text());
        if (!address || by_address_.find(*address) != nullptr) break;
        source = source_of(*address);
        if (source == nullptr) break;
        source->first = in.frame();
        source->last = in.frame();
        source->requests = in.number();
        source->answered = in.number();
        source->outside_dialog = in.number();
        source->rung = in.number();
        source->accepted_invites = in.number();
        source->first_rung = in.frame();
        source->first_accepted = in.frame();
        source->unlogged = in.number();
        source->signs = Signs::from_bits(in.number());
        source->sign_frame = in.frame();
        source->registered = in.count();
        for (std::uint64_t& count : source->methods) count = in.number();
        for (std::uint64_t& count : source->outcomes) count = in.number();
        break;
      }
      case 'L': {
        if (source == nullptr) break;
        for (std::uint64_t n = small(in.number(), 16); n != 0; --n) source->agents.push_back(texts_.id(in.text()));
        for (std::uint64_t n = small(in.number(), 64); n != 0; --n) source->via_hosts.push_back(texts_.id(in.text()));
        for (std::uint64_t n = small(in.number(), 64); n != 0; --n) source->callers.push_back(texts_.id(in.text()));
        for (std::uint64_t n = small(in.number(), 16); n != 0; --n) source->shapes.push_back(in.number());
        break;
      }
      case 'G': {
        const auto host = IpAddress::parse(in.text());
        if (source == nullptr || !host) break;
        Target* target = target_of(*source, Endpoint(*host, 5060));
        if (target == nullptr) break;
        target->first = in.frame();
        target->last = in.frame();
        target->visits = in.count();
        target->answered = in.count();
        break;
      }
      case 'T': {
        attempt = source == nullptr ? nullptr : try_of(*source, in.text());
        if (attempt == nullptr) break;
        attempt->agent = texts_.id(in.text());
        for (SmallFrame* frame : {&attempt->first, &attempt->last, &attempt->first_bad, &attempt->last_bad,
                                  &attempt->first_good, &attempt->last_good, &attempt->first_passed}) {
          *frame = in.frame();
        }
        for (std::uint32_t* count : {&attempt->requests, &attempt->bad, &attempt->good, &attempt->good_registers,
                                     &attempt->forbidden_invites, &attempt->no_such_user, &attempt->exists,
                                     &attempt->forbidden, &attempt->other_refusals, &attempt->call_ids}) {
          *count = in.count();
        }
        attempt->methods = static_cast<std::uint16_t>(in.count() & 0xffff);
        attempt->varied = in.flag();
        attempt->followed = in.flag();
        attempt->in_bulk = in.flag();
        attempt->alone = in.flag();
        attempt->repeats = in.count();
        attempt->first_step = in.frame();
        attempt->ask_open = in.flag();
        attempt->ask_call_id.low = in.number();
        attempt->ask_call_id.high = in.number();
        attempt->last_ask = in.frame();
        if (const TextKey call_id = in.key(); !(call_id == TextKey{})) {
          attempt->logins = std::make_unique<LoginMemory>();
          attempt->logins->call_id = call_id;
        }
        break;
      }
      case 'M': {
        if (source == nullptr) break;
        const std::uint32_t index = attempt == nullptr ? kNoTry : attempt->index;
        for (std::size_t i = 1; i + 1 < row.size() && stamps_ < caps_.stamps; i += 2) {
          const std::uint64_t ns = in.number();
          const std::uint64_t what = in.number();
          ++stamps_;
          source->stamps.push_back({static_cast<std::int64_t>(std::min<std::uint64_t>(ns, INT64_MAX)), index,
                                    static_cast<sip::Method>(what / 32 % 15),
                                    static_cast<Outcome>(std::min<std::uint64_t>(what / 2 % 16, 6)), what % 2 != 0});
        }
        break;
      }
      case 'O': {
        Open open;
        open.key.low = in.number();
        open.key.high = in.number();
        open.ns = static_cast<std::int64_t>(std::min<std::uint64_t>(in.number(), INT64_MAX));
        const auto address = IpAddress::parse(in.text());
        open.user = in.text();
        open.method = static_cast<sip::Method>(in.number() % 15);
        open.login = in.flag();
        if (!address || open_.size() >= 8192) break;
        open.source = *address;
        open_[open.key] = open;
        break;
      }
      case 'H': {
        const auto address = IpAddress::parse(in.text());
        if (!address || hosts_.size() >= caps_.sources) break;
        Host& host = hosts_.at_or_new(*address);
        host.registers_accepted = in.number();
        host.registers_challenged = in.number();
        host.invites_answered = in.number();
        host.clients = in.count();
        // Which ones they were no longer matters, only how many.
        for (std::uint64_t n = small(in.number(), 3); n != 0; --n) host.aors.push_back({n, 0});
        for (std::size_t i = 7; i < row.size() && host.realms.size() < 8; ++i) {
          host.realms.push_back(texts_.id(in.text()));
        }
        break;
      }
      default: break;
    }
  }
}

}  // namespace voip::analyze::fraud
