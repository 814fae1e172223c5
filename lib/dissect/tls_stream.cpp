#include "dissect/tls_stream.h"

#include <algorithm>
#include <utility>

namespace voip::dissect {

namespace {

using crypto::TlsOpener;
using tls::ContentType;

constexpr std::uint64_t kMaxSequenceGuesses = 4096;
constexpr std::uint64_t kSmallestRecord = 22;    // header, and what a tag takes at least
constexpr std::uint64_t kTrialBytes = 4U << 20;  // and for each byte that comes, kTrialFactor more
constexpr std::uint64_t kTrialFactor = 16;
constexpr std::uint32_t kMaxFailures = 64;
constexpr std::uint32_t kMaxPasses = 64;  // over what is held, for hellos that came

// Whether a record may begin here: enough to find the next one behind a gap.
bool plausible_header(ByteView at) {
  return at.size() >= tls::kRecordHeader && at[0] >= 20 && at[0] <= 23 && at[1] == 3 && at[2] >= 1 && at[2] <= 3 &&
         load_be<std::uint16_t>(at.data() + 3) <= tls::kMaxFragment && load_be<std::uint16_t>(at.data() + 3) != 0;
}

}  // namespace

TlsConnection::TlsConnection(TlsContext& context)
    : context_(context), hs_(std::make_unique<Handshake>()), trial_budget_(kTrialBytes) {}

TlsConnection::~TlsConnection() { give_up(); }

bool TlsConnection::established() const {
  return handshake_seen_ && sides_[0].epoch != Epoch::kPlain && sides_[1].epoch != Epoch::kPlain;
}

void TlsConnection::feed(std::uint8_t direction, ByteView bytes, std::uint64_t lost, const FrameRef& frame,
                         const Sink& sink) {
  direction &= 1;
  Side& side = sides_[direction];
  if (gave_up_) return;
  trial_budget_ += kTrialFactor * bytes.size();
  if (lost > 0) {
    if (!hs_->client_hello) return give_up();
    side.partial.clear();
    side.resync = true;
    if (held_.empty()) {
      note_gap(direction, lost);
    } else {
      hold(direction, {}, lost, frame);
    }
  }
  if (side.partial.empty()) {
    std::size_t used = 0;
    take_records(direction, bytes, used, frame, sink);
    if (!gave_up_) side.partial.assign(bytes.begin() + static_cast<std::ptrdiff_t>(used), bytes.end());
    return;
  }
  side.partial.insert(side.partial.end(), bytes.begin(), bytes.end());
  std::size_t used = 0;
  // Moved out, because giving up clears it while records are views of it.
  std::vector<std::uint8_t> buffer = std::move(side.partial);
  side.partial.clear();
  take_records(direction, buffer, used, frame, sink);
  if (gave_up_) return;
  buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(used));
  side.partial = std::move(buffer);
}

void TlsConnection::take_records(std::uint8_t direction, ByteView bytes, std::size_t& used, const FrameRef& frame,
                                 const Sink& sink) {
  Side& side = sides_[direction];
  while (used < bytes.size() && !gave_up_) {
    const ByteView rest = bytes.subspan(used);
    if (side.resync) {
      std::size_t skip = 0;
      while (skip + tls::kRecordHeader <= rest.size() && !plausible_header(rest.subspan(skip))) ++skip;
      used += skip;
      if (skip + tls::kRecordHeader > rest.size()) return;
      side.resync = false;
      continue;
    }
    const auto record = tls::parse_record(rest);
    if (!record.ok()) {
      if (record.error().kind == Malformed::kTruncated) return;
      // Not TLS from the start, or off the track later on.
      if (!hs_->client_hello) return give_up();
      side.resync = true;
      if (held_.empty()) {
        note_gap(direction, 0);
      } else {
        hold(direction, {}, 0, frame);
      }
      ++used;
      continue;
    }
    take_record(direction, *record, rest.first(record->size), frame, sink);
    used += record->size;
  }
}

void TlsConnection::take_record(std::uint8_t direction, const tls::RecordView& record, ByteView raw,
                                const FrameRef& frame, const Sink& sink) {
  if (!hs_->client_hello && record.type != ContentType::kHandshake && record.type != ContentType::kAlert)
    return give_up();
  if (!held_.empty() && tried_generation_ != context_.keys.generation()) release_held(sink);
  if (gave_up_) return;
  // The order is kept, except that a handshake in clear goes on: it may bring the hello that is waited for.
  const bool waits = !held_.empty() && (sides_[direction].epoch != Epoch::kPlain || waiting_[direction] > 0);
  if (waits || process(direction, record, frame, sink) == Outcome::kBlocked) hold(direction, raw, 0, frame);
  if (state_changed_) {
    state_changed_ = false;
    if (!held_.empty() && passes_++ < kMaxPasses) release_held(sink);
  }
}

void TlsConnection::hold(std::uint8_t direction, ByteView raw, std::uint64_t lost, const FrameRef& frame) {
  if (gave_up_) return;
  const std::size_t cost = raw.size() + sizeof(Held);
  if (held_bytes_ + cost > context_.max_held_per_connection || context_.held_bytes + cost > context_.max_held_bytes) {
    ++records_unopened_;
    return give_up();
  }
  if (held_.empty()) tried_generation_ = context_.keys.generation();
  held_bytes_ += cost;
  context_.held_bytes += cost;
  ++waiting_[direction];
  held_.push_back({direction, {raw.begin(), raw.end()}, lost, frame, false});
}

void TlsConnection::release_held(const Sink& sink) {
  tried_generation_ = context_.keys.generation();
  while (!held_.empty() && pass_over_held(sink)) {
  }
  state_changed_ = false;
}

// Front to back; true when a hello on the way makes another pass worth while.
bool TlsConnection::pass_over_held(const Sink& sink) {
  std::array<bool, 2> blocked{};
  bool again = false;
  for (std::size_t i = 0; i < held_.size() && !(blocked[0] && blocked[1]) && !again; ++i) {
    Held& item = held_[i];
    if (item.done || blocked[item.direction]) continue;
    if (in_order_ && blocked[item.direction ^ 1U] && sides_[item.direction].epoch != Epoch::kPlain) {
      blocked[item.direction] = true;
      continue;
    }
    if (item.record.empty()) {
      note_gap(item.direction, item.lost);
      item.done = true;
      continue;
    }
    const auto record = tls::parse_record(item.record);
    if (record.ok() && process(item.direction, *record, item.frame, sink) == Outcome::kBlocked) {
      blocked[item.direction] = true;
      continue;
    }
    if (gave_up_) return false;
    item.done = true;
    again = std::exchange(state_changed_, false) && passes_++ < kMaxPasses;
  }
  if (std::ranges::none_of(held_, &Held::done)) return false;
  std::deque<Held> left;
  waiting_ = {};
  std::size_t bytes = 0;
  for (Held& item : held_) {
    if (item.done) continue;
    bytes += item.record.size() + sizeof(Held);
    ++waiting_[item.direction];
    left.push_back(std::move(item));
  }
  context_.held_bytes -= held_bytes_ - bytes;
  held_bytes_ = bytes;
  held_ = std::move(left);
  return again;
}

void TlsConnection::retry(const Sink& sink) {
  if (!gave_up_ && !held_.empty()) release_held(sink);
}

void TlsConnection::finish(const Sink& sink) {
  retry(sink);
  in_order_ = false;  // perhaps there are keys for one direction
  retry(sink);
  give_up();
}

void TlsConnection::give_up() {
  for (const Held& item : held_) {
    if (!item.done && !item.record.empty()) ++records_unopened_;
  }
  context_.held_bytes -= held_bytes_;
  held_bytes_ = 0;
  held_.clear();
  waiting_ = {};
  drop_transcript();
  gave_up_ = true;
  for (Side& side : sides_) {
    side.partial = {};
    side.handshake = {};
    side.opener.reset();
  }
}

void TlsConnection::start_epoch(Side& side, Epoch epoch) {
  side.epoch = epoch;
  side.opener.reset();
  side.verified = false;
  side.sequence = 0;
}

void TlsConnection::note_gap(std::uint8_t direction, std::uint64_t lost) {
  Side& side = sides_[direction];
  side.handshake.clear();
  side.gap = true;
  side.lost_count = true;
  side.lost += std::min<std::uint64_t>(lost, kMaxSequenceGuesses * kSmallestRecord);
}

TlsConnection::Outcome TlsConnection::process(std::uint8_t direction, const tls::RecordView& record,
                                              const FrameRef& frame, const Sink& sink) {
  Side& side = sides_[direction];
  const bool tls13 = hs_->version == crypto::kTls13;
  if (side.epoch == Epoch::kMaster) return open_master(direction, record, frame, sink);
  if (side.epoch != Epoch::kPlain && record.type == ContentType::kApplicationData) {
    return open13(direction, record, frame, sink);
  }
  switch (record.type) {
    case ContentType::kHandshake: take_handshake(direction, record.fragment); break;
    case ContentType::kAlert: on_alert(record.fragment); break;
    case ContentType::kChangeCipherSpec:
      // In 1.3 it means nothing; before early data the version is not known yet.
      if (tls13 || (hs_->early_data && !hs_->server_hello)) break;
      start_epoch(side, Epoch::kMaster);
      // What was lost before was part of the handshake.
      side.gap = false;
      side.lost_count = false;
      side.lost = 0;
      break;
    case ContentType::kApplicationData:
      if (direction == client_ && hs_->early_data && !hs_->server_hello) return Outcome::kBlocked;
      if (side.lost_count && hs_->server_hello && !tls13) {  // the ChangeCipherSpec was lost
        start_epoch(side, Epoch::kMaster);
        return open_master(direction, record, frame, sink);
      }
      ++records_unopened_;
      break;
  }
  return Outcome::kDone;
}

std::optional<TlsOpener::Opened> TlsConnection::try_open(Side& side, const tls::RecordView& record) {
  const auto type = static_cast<std::uint8_t>(record.type);
  auto opened = side.opener->open(type, record.version, record.fragment, side.sequence);
  if (!opened.has_value() && side.lost_count) {
    const std::uint64_t most = std::min(side.lost / kSmallestRecord + 2, kMaxSequenceGuesses);
    for (std::uint64_t ahead = 1; ahead <= most && trial_budget_ > record.fragment.size(); ++ahead) {
      trial_budget_ -= record.fragment.size() + 64;
      opened = side.opener->open(type, record.version, record.fragment, side.sequence + ahead);
      if (!opened.has_value()) continue;
      side.sequence += ahead;
      break;
    }
  }
  if (opened.has_value()) {
    ++side.sequence;
    side.verified = true;
    side.lost_count = false;
    side.lost = 0;
    side.failures = 0;
    ++records_opened_;
  }
  return opened;
}

void TlsConnection::fail_record(Side& side, const tls::RecordView& record) {
  ++records_unopened_;
  side.gap = true;
  // It was counted by its sender, or never sent by it.
  side.lost_count = true;
  side.lost += kSmallestRecord;
  if (side.opener.has_value()) side.opener->pass_over(record.fragment);
  if (++side.failures >= kMaxFailures) give_up();
}

TlsConnection::Outcome TlsConnection::open_master(std::uint8_t direction, const tls::RecordView& record,
                                                  const FrameRef& frame, const Sink& sink) {
  Side& side = sides_[direction];
  if (!side.opener.has_value()) {
    if (hs_->server_hello && !hs_->supported) {
      ++records_unopened_;
      give_up();
      return Outcome::kDone;
    }
    if (!derive_openers()) return Outcome::kBlocked;
    side.opener = std::move(hs_->openers[direction]);
    hs_->openers[direction].reset();
    if (!side.opener.has_value()) return Outcome::kBlocked;
  }
  const auto opened = try_open(side, record);
  if (!opened.has_value()) {
    if (!side.verified && !sides_[direction ^ 1].verified && !side.lost_count) {
      // Keys of something else. Better ones may come.
      hs_->derived = false;
      hs_->bad_keys = context_.keys.generation();
      for (Side& s : sides_) s.opener.reset();
      return Outcome::kBlocked;
    }
    fail_record(side, record);
    return Outcome::kDone;
  }
  if (opened->type == static_cast<std::uint8_t>(ContentType::kChangeCipherSpec)) {
    start_epoch(side, Epoch::kMaster);
    return Outcome::kDone;
  }
  deliver(direction, *opened, frame, sink);
  return Outcome::kDone;
}

std::optional<TlsOpener> TlsConnection::opener13(std::uint8_t direction, Epoch epoch) const {
  const crypto::TlsSecrets* secrets = context_.keys.find(hs_->client_random);
  if (secrets == nullptr || !hs_->suite.has_value()) return std::nullopt;
  const bool client = direction == client_;
  const crypto::TlsSecret* secret = nullptr;
  if (epoch == Epoch::kEarly && client) secret = &secrets->client_early;
  if (epoch == Epoch::kHandshake) secret = client ? &secrets->client_handshake : &secrets->server_handshake;
  if (epoch == Epoch::kApplication) secret = client ? &secrets->client_application : &secrets->server_application;
  if (secret == nullptr || !secret->known()) return std::nullopt;
  return TlsOpener::tls13(*hs_->suite, secret->view());
}

// The epochs follow each other: early data (maybe), handshake up to Finished, application. Where a log lacks the
// secrets of one, or the record that ends it was lost, a record tells by opening under the next.
TlsConnection::Outcome TlsConnection::open13(std::uint8_t direction, const tls::RecordView& record,
                                             const FrameRef& frame, const Sink& sink) {
  Side& side = sides_[direction];
  if (!hs_->supported) {
    ++records_unopened_;
    give_up();
    return Outcome::kDone;
  }
  bool any_keys = false;
  // Opens under keys that are not in use yet, and takes them into use when that works.
  const auto try_new = [&](Epoch epoch, std::optional<TlsOpener> opener) {
    if (!opener.has_value()) return false;
    any_keys = true;
    Side trial;
    trial.opener = std::move(opener);
    trial.lost_count = side.lost_count;
    trial.lost = side.lost;
    const auto opened = try_open(trial, record);
    if (!opened.has_value()) return false;
    side.epoch = epoch;
    side.opener = std::move(trial.opener);
    side.sequence = trial.sequence;
    side.verified = true;
    side.lost_count = false;
    side.lost = 0;
    side.failures = 0;
    deliver(direction, *opened, frame, sink);  // its bytes moved along with the opener
    return true;
  };
  for (int e = static_cast<int>(side.epoch); e <= static_cast<int>(Epoch::kApplication); ++e) {
    const auto epoch = static_cast<Epoch>(e);
    if (epoch != side.epoch || !side.opener.has_value()) {
      if (try_new(epoch, opener13(direction, epoch))) return Outcome::kDone;
      continue;
    }
    any_keys = true;
    const auto opened = try_open(side, record);
    if (opened.has_value()) {
      deliver(direction, *opened, frame, sink);
      return Outcome::kDone;
    }
    // With no loss before it a failure means damage: only early data may end unseen.
    if (side.lost_count && epoch == Epoch::kApplication && try_new(epoch, side.opener->next())) return Outcome::kDone;
    if (!side.lost_count && epoch != Epoch::kEarly) break;
  }
  if (!any_keys || (side.epoch != Epoch::kApplication && !opener13(direction, Epoch::kApplication).has_value())) {
    return Outcome::kBlocked;
  }
  fail_record(side, record);
  return Outcome::kDone;
}

void TlsConnection::deliver(std::uint8_t direction, const TlsOpener::Opened& opened, const FrameRef& frame,
                            const Sink& sink) {
  Side& side = sides_[direction];
  switch (static_cast<ContentType>(opened.type)) {
    case ContentType::kApplicationData:
      if (opened.plaintext.empty() && !side.gap) return;
      sink({direction, opened.plaintext, std::exchange(side.gap, false), frame});
      return;
    case ContentType::kHandshake: take_handshake(direction, opened.plaintext); return;
    case ContentType::kAlert: on_alert(opened.plaintext); return;
    default: return;
  }
}

}  // namespace voip::dissect
