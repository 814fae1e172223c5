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
constexpr std::int64_t kSuspectNs = 2 * kKeepNs;     // beyond that
constexpr std::int64_t kOpenNs = 40 * kNsPerSecond;  // RFC 3261: a transaction without an answer lasts 32 s
constexpr std::size_t kMaxSources = 20'000;
constexpr std::size_t kMaxTries = 60'000;
constexpr std::size_t kMaxStamps = 4096;  // of one source, the latest
constexpr std::size_t kStampsOfRow = 128;
constexpr std::size_t kMaxOpen = 8192;
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

void write_names(RowWriter& out, const Texts& texts, const std::vector<std::uint32_t>& ids) {
  out.number(ids.size());
  for (const std::uint32_t id : ids) out.text(texts.text(id));
}

void read_names(RowReader& in, Texts& texts, std::vector<std::uint32_t>& ids, std::uint64_t cap) {
  for (std::uint64_t n = std::min(in.number(), cap); n != 0; --n) ids.push_back(texts.id(in.text()));
}

std::int64_t moment_of(std::uint64_t ns) { return static_cast<std::int64_t>(std::min<std::uint64_t>(ns, INT64_MAX)); }

}  // namespace

std::vector<const Source*> SourceBook::latest_sources(std::int64_t from) const {
  std::vector<const Source*> kept;
  for (const Source& source : sources_) {
    // Who was told is remembered longer: a campaign may pause.
    if (source.last.time.known() && source.last.time.ns >= from - (source.suspect ? kSuspectNs : 0)) {
      kept.push_back(&source);
    }
  }
  std::ranges::sort(kept, [](const Source* a, const Source* b) { return b->last < a->last; });
  if (kept.size() > kMaxSources) kept.resize(kMaxSources);
  std::ranges::sort(kept, [](const Source* a, const Source* b) { return a->address < b->address; });
  return kept;
}

void SourceBook::save(StateSection& section) const {
  const std::int64_t from = last_time_.known() ? last_time_.ns - kKeepNs : 0;
  std::size_t tries = 0;
  for (const Source* source : latest_sources(from)) {
    struct Moments {
      std::vector<const Stamp*> kept;
      std::uint32_t dropped = 0;
    };
    std::map<std::uint32_t, Moments> moments;
    for (const Stamp& stamp : source->stamps) {
      Moments& of = moments[stamp.attempt];
      if (stamp.ns >= from) {
        of.kept.push_back(&stamp);
      } else {
        ++of.dropped;
      }
    }
    std::uint64_t earlier = source->earlier;
    for (auto& [attempt, of] : moments) {
      of.dropped += static_cast<std::uint32_t>(of.kept.size() - std::min(of.kept.size(), kMaxStamps));
      earlier += of.dropped;
    }
    save_source(*source, earlier, section);
    write_stamps(moments[kNoTry].kept, section);
    for (const std::uint32_t index : source->tries) {
      if (++tries > kMaxTries) break;
      save_try(tries_[index], moments[index].dropped, section);
      write_stamps(moments[index].kept, section);
    }
  }
  save_open(section);
  save_hosts(section);
}

void SourceBook::save_source(const Source& source, std::uint64_t earlier, StateSection& section) const {
  Writer out('S');
  out.text(source.address.to_string()).frame(source.first).frame(source.last).number(source.requests);
  out.number(source.answered).number(source.outside_dialog).number(source.rung).number(source.accepted_invites);
  out.frame(source.first_rung).frame(source.first_accepted).number(source.unlogged).number(source.signs.bits());
  out.frame(source.sign_frame).number(source.registered);
  for (const std::uint64_t count : source.methods) out.number(count);
  for (const std::uint64_t count : source.outcomes) out.number(count);
  out.number(earlier);
  section.add(out.take());
  Writer few('L');
  write_names(few, texts_, source.agents);
  write_names(few, texts_, source.via_hosts);
  write_names(few, texts_, source.callers);
  few.number(source.shapes.size());
  for (const std::uint64_t shape : source.shapes) few.number(shape);
  section.add(few.take());
  for (const Target& target : source.targets) {
    section.add(Writer('G')
                    .text(target.host.to_string())
                    .frame(target.first)
                    .frame(target.last)
                    .number(target.visits)
                    .number(target.answered)
                    .take());
  }
}

void SourceBook::save_try(const Try& one, std::uint32_t dropped, StateSection& section) const {
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
      .key(one.ask_call_id)
      .frame(one.last_ask)
      .key(one.logins ? one.logins->call_id : TextKey{})
      .number(std::uint64_t{one.earlier} + dropped);
  const LoginMemory none;
  const LoginMemory& logins = one.logins ? *one.logins : none;
  row.number(logins.silent).number(logins.silent_ids).key(logins.silent_call_id);
  row.frame(logins.first_silent).frame(logins.last_silent);
  section.add(row.take());
}

void SourceBook::save_open(StateSection& section) const {
  const std::int64_t from = last_time_.known() ? last_time_.ns - kOpenNs : 0;
  for (const Open& open : pending_) {
    if (open.ns < from) continue;
    section.add(Writer('O')
                    .key(open.key)
                    .number(static_cast<std::uint64_t>(open.ns))
                    .text(open.source.to_string())
                    .text(open.user)
                    .number(static_cast<std::uint64_t>(open.method))
                    .flag(open.login)
                    .take());
  }
}

void SourceBook::save_hosts(StateSection& section) const {
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
  for (const Row& row : section.rows()) {
    if (row.empty() || row.front().size() != 1) continue;
    Reader in(row);
    const char kind = row.front().front();
    if (kind == 'S') {
      source = load_source(in);
      attempt = nullptr;
    } else if (kind == 'O') {
      load_open(in);
    } else if (kind == 'H') {
      load_host(in);
    } else if (source == nullptr) {
      continue;  // what follows is of the source before it
    } else if (kind == 'L') {
      load_names(*source, in);
    } else if (kind == 'G') {
      load_target(*source, in);
    } else if (kind == 'T') {
      attempt = load_try(*source, in);
    } else if (kind == 'M') {
      load_stamps(*source, attempt == nullptr ? kNoTry : attempt->index, (row.size() - 1) / 2, in);
    }
  }
}

Source* SourceBook::load_source(RowReader& in) {
  const auto address = IpAddress::parse(in.text());
  if (!address || by_address_.find(*address) != nullptr) return nullptr;
  Source* source = source_of(*address);
  if (source == nullptr) return nullptr;
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
  source->earlier = in.number();
  return source;
}

void SourceBook::load_names(Source& source, RowReader& in) {
  read_names(in, texts_, source.agents, 16);
  read_names(in, texts_, source.via_hosts, 64);
  read_names(in, texts_, source.callers, 64);
  for (std::uint64_t n = std::min<std::uint64_t>(in.number(), 16); n != 0; --n) source.shapes.push_back(in.number());
}

void SourceBook::load_target(Source& source, RowReader& in) {
  const auto host = IpAddress::parse(in.text());
  if (!host) return;
  Target* target = target_of(source, Endpoint(*host, 5060));
  if (target == nullptr) return;
  target->first = in.frame();
  target->last = in.frame();
  target->visits = in.count();
  target->answered = in.count();
}

Try* SourceBook::load_try(Source& source, RowReader& in) {
  Try* one = try_of(source, in.text());
  if (one == nullptr) return nullptr;
  one->agent = texts_.id(in.text());
  for (SmallFrame* frame : {&one->first, &one->last, &one->first_bad, &one->last_bad, &one->first_good, &one->last_good,
                            &one->first_passed}) {
    *frame = in.frame();
  }
  for (std::uint32_t* count :
       {&one->requests, &one->bad, &one->good, &one->good_registers, &one->forbidden_invites, &one->no_such_user,
        &one->exists, &one->forbidden, &one->other_refusals, &one->call_ids}) {
    *count = in.count();
  }
  one->methods = static_cast<std::uint16_t>(in.count() & 0xffff);
  one->varied = in.flag();
  one->followed = in.flag();
  one->in_bulk = in.flag();
  one->alone = in.flag();
  one->repeats = in.count();
  one->first_step = in.frame();
  one->ask_open = in.flag();
  one->ask_call_id = in.key();
  one->last_ask = in.frame();
  if (const TextKey call_id = in.key(); !(call_id == TextKey{})) {
    one->logins = std::make_unique<LoginMemory>();
    one->logins->call_id = call_id;
  }
  one->earlier = in.count();
  if (const std::uint32_t silent = in.count(); silent != 0) {
    if (one->logins == nullptr) one->logins = std::make_unique<LoginMemory>();
    one->logins->silent = silent;
    one->logins->silent_ids = in.count();
    one->logins->silent_call_id = in.key();
    one->logins->first_silent = in.frame();
    one->logins->last_silent = in.frame();
  }
  return one;
}

void SourceBook::load_stamps(Source& source, std::uint32_t attempt, std::size_t pairs, RowReader& in) {
  for (; pairs != 0 && stamps_ < caps_.stamps; --pairs, ++stamps_) {
    const std::int64_t ns = moment_of(in.number());
    const std::uint64_t what = in.number();
    source.stamps.push_back({ns, attempt, static_cast<sip::Method>(what / 32 % 15),
                             static_cast<Outcome>(std::min<std::uint64_t>(what / 2 % 16, 6)), what % 2 != 0});
  }
}

void SourceBook::load_open(RowReader& in) {
  Open open;
  open.key = in.key();
  open.ns = moment_of(in.number());
  const auto address = IpAddress::parse(in.text());
  open.user = in.text();
  open.method = static_cast<sip::Method>(in.number() % 15);
  open.login = in.flag();
  if (!address || open_.size() >= kMaxOpen) return;
  open.source = *address;
  open_[open.key] = open;
}

void SourceBook::load_host(RowReader& in) {
  const auto address = IpAddress::parse(in.text());
  if (!address || hosts_.size() >= caps_.sources) return;
  Host& host = hosts_.at_or_new(*address);
  host.registers_accepted = in.number();
  host.registers_challenged = in.number();
  host.invites_answered = in.number();
  host.clients = in.count();
  // Which ones they were no longer matters, only how many.
  for (std::uint64_t n = std::min<std::uint64_t>(in.number(), 3); n != 0; --n) host.aors.push_back({n, 0});
  while (in.more() && host.realms.size() < 8) host.realms.push_back(texts_.id(in.text()));
}

}  // namespace voip::analyze::fraud
