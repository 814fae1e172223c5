#include "analyze/fraud/access.h"
#include "analyze/fraud/state_rows.h"

// Who registers from where, and what was done to it, from run to run.
namespace voip::analyze::fraud {

namespace {

using Row = StateSection::Row;
using Reader = RowReader;
using Writer = RowWriter;

constexpr std::size_t kMaxHomes = 60'000;
constexpr std::size_t kMaxEvents = 4096;
constexpr std::size_t kMaxDevices = 8;
constexpr std::size_t kMaxUses = 20'000;
constexpr std::chrono::hours kKept{72};
constexpr std::chrono::hours kReplayed{24};

}  // namespace

void AccessWatch::write(Writer& row, const Device& device) {
  row.address(device.source).text(device.host).text(device.agent).text(device.instance).key(device.call_id);
  row.number(device.cseq).number(device.registers).frame(device.first).frame(device.last).time(device.expires);
  row.flag(device.push).flag(device.authenticated);
}

AccessWatch::Device AccessWatch::read_device(Reader& in) {
  Device device;
  device.source = in.address();
  device.host = in.text();
  device.agent = in.text();
  device.instance = in.text();
  device.call_id = in.key();
  device.cseq = in.count();
  device.registers = in.number();
  device.first = in.frame();
  device.last = in.frame();
  device.expires = in.time();
  device.push = in.flag();
  device.authenticated = in.flag();
  return device;
}

void AccessWatch::save(StateSection& section) const {
  save_homes(section);
  save_events(section);
  save_uses(section);
}

void AccessWatch::save_homes(StateSection& section) const {
  std::size_t rows = 0;
  for (const Home& home : homes_) {
    if (home.devices.empty()) continue;
    if (++rows > kMaxHomes) break;
    section.add(Writer('A').text(home.aor).take());
    for (const Device& device : home.devices) {
      Writer row('D');
      write(row, device);
      section.add(row.take());
    }
  }
}

void AccessWatch::save_events(StateSection& section) const {
  const auto old = [&](const FrameRef& frame) { return later_by(frame.time, last_, kKept); };
  for (const Takeover& one : takeovers_) {
    if (old(one.frame)) continue;
    Writer row('K');
    row.text(homes_[one.home].aor).address(one.server).flag(one.replaced).frame(one.frame);
    write(row, one.before);
    write(row, one.now);
    section.add(row.take());
  }
  for (const Removal& one : removals_) {
    if (old(one.frame)) continue;
    section.add(Writer('R')
                    .text(homes_[one.home].aor)
                    .address(one.source)
                    .address(one.owner)
                    .address(one.server)
                    .text(one.agent)
                    .text(one.owner_agent)
                    .frame(one.frame)
                    .frame(one.set)
                    .take());
  }
  for (const Replay& one : replays_) {
    if (old(one.frame)) continue;
    section.add(Writer('Y')
                    .address(one.source)
                    .address(one.server)
                    .text(one.account)
                    .frame(one.original)
                    .frame(one.frame)
                    .flag(one.accepted)
                    .flag(one.other_source)
                    .take());
  }
  for (const Leak& one : leaks_) {
    if (old(one.challenge)) continue;
    section.add(Writer('E')
                    .address(one.asker)
                    .address(one.phone)
                    .text(one.realm)
                    .text(one.account)
                    .frame(one.challenge)
                    .frame(one.answer)
                    .flag(one.called)
                    .take());
  }
}

// Responses that somebody may send once more: the latest, after those of the run before.
void AccessWatch::save_uses(StateSection& section) const {
  const auto write_use = [&](const Use& one) {
    section.add(Writer('U')
                    .key(one.name)
                    .address(one.source)
                    .key(one.target)
                    .key(one.call_id)
                    .key(one.agent)
                    .number(one.shape)
                    .number(one.cseq)
                    .frame(one.frame)
                    .flag(one.uri_fits)
                    .take());
  };
  std::size_t room = kMaxUses - std::min(kMaxUses, uses_.size());
  for (const auto& [name, one] : earlier_uses_) {
    if (room == 0) break;
    if (later_by(one.frame.time, last_, kReplayed)) continue;
    write_use(one);
    --room;
  }
  auto& uses = const_cast<CappedTable<TextKey, Use>&>(uses_);
  std::size_t skip = uses.size() - std::min(uses.size(), kMaxUses);
  uses.for_each([&](const TextKey&, const Use& one) {
    if (skip != 0) {
      --skip;
    } else {
      write_use(one);
    }
  });
}

void AccessWatch::load(const StateSection& section) {
  Home* home = nullptr;
  for (const Row& row : section.rows()) {
    if (row.empty() || row.front().size() != 1) continue;
    Reader in(row);
    switch (row.front().front()) {
      case 'A': home = load_home(in); break;
      case 'D':
        if (home != nullptr && home->devices.size() < kMaxDevices) home->devices.push_back(read_device(in));
        break;
      case 'K': load_takeover(in); break;
      case 'R': load_removal(in); break;
      case 'Y': load_replay(in); break;
      case 'E': load_leak(in); break;
      case 'U': load_use(in); break;
      default: break;
    }
  }
}

AccessWatch::Home* AccessWatch::load_home(Reader& in) {
  const std::string_view aor = in.text();
  const TextKey key = text_key(aor);
  if (homes_.size() >= cap_ || home_index_.find(key) != nullptr) return nullptr;
  home_index_.at_or_new(key) = static_cast<std::uint32_t>(homes_.size());
  homes_.push_back({.aor = std::string(aor), .devices = {}});
  return &homes_.back();
}

void AccessWatch::load_takeover(Reader& in) {
  const std::uint32_t* at = home_index_.find(text_key(in.text()));
  if (at == nullptr || takeovers_.size() >= kMaxEvents) return;
  Takeover one;
  one.home = *at;
  one.server = in.address();
  one.replaced = in.flag();
  one.frame = in.frame();
  one.before = read_device(in);
  one.now = read_device(in);
  takeovers_.push_back(std::move(one));
}

void AccessWatch::load_removal(Reader& in) {
  const std::uint32_t* at = home_index_.find(text_key(in.text()));
  if (at == nullptr || removals_.size() >= kMaxEvents) return;
  Removal one;
  one.home = *at;
  one.source = in.address();
  one.owner = in.address();
  one.server = in.address();
  one.agent = in.text();
  one.owner_agent = in.text();
  one.frame = in.frame();
  one.set = in.frame();
  removals_.push_back(std::move(one));
}

void AccessWatch::load_replay(Reader& in) {
  if (replays_.size() >= kMaxEvents) return;
  Replay one;
  one.source = in.address();
  one.server = in.address();
  one.account = in.text();
  one.original = in.frame();
  one.frame = in.frame();
  one.accepted = in.flag();
  one.other_source = in.flag();
  replays_.push_back(std::move(one));
}

void AccessWatch::load_leak(Reader& in) {
  if (leaks_.size() >= kMaxEvents) return;
  Leak one;
  one.asker = in.address();
  one.phone = in.address();
  one.realm = in.text();
  one.account = in.text();
  one.challenge = in.frame();
  one.answer = in.frame();
  one.called = in.flag();
  leaks_.push_back(std::move(one));
}

void AccessWatch::load_use(Reader& in) {
  if (earlier_uses_.size() >= kMaxUses) return;
  Use one;
  one.name = in.key();
  one.source = in.address();
  one.target = in.key();
  one.call_id = in.key();
  one.agent = in.key();
  one.shape = in.number();
  one.cseq = in.count();
  one.frame = in.frame();
  one.uri_fits = in.flag();
  earlier_uses_[one.name] = one;
}

}  // namespace voip::analyze::fraud
