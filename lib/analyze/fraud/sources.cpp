#include "analyze/fraud/sources.h"

#include <algorithm>

#include "analyze/fraud/stable_key.h"
#include "base/text.h"
#include "proto/sip/fields.h"

namespace voip::analyze::fraud {

namespace {

using session::Transaction;
using sip::Method;

constexpr std::size_t kMaxNames = 1U << 18;
constexpr std::size_t kMaxPaths = 1U << 16;
constexpr std::size_t kMaxEdges = 1024;
constexpr double kStepWithin = 5;              // seconds from a challenge to the login, where Call-IDs don't tell
constexpr std::uint64_t kSignsOfEach = 8;      // beyond, every eighth request is looked at
constexpr std::uint32_t kCopiesOfClient = 11;  // RFC 3261 section 17.1.2.2: a client sends a request at most this often

TextKey address_key(const IpAddress& address) {
  TextKey key;
  const auto& bytes = address.bytes();
  key.low = load_be<std::uint64_t>(bytes.data());
  key.high = load_be<std::uint64_t>(bytes.data() + 8);
  return key;
}

template <class T>
void note_few(std::vector<T>& list, const T& item, std::size_t cap) {
  if (list.size() < cap && std::ranges::find(list, item) == list.end()) list.push_back(item);
}

// Numbers are written in many ways on the two sides of a B2BUA: the last seven digits tell them.
std::string_view tail_of_user(std::string_view user) {
  std::size_t digits = 0;
  while (digits < user.size() && is_digit(user[user.size() - 1 - digits])) ++digits;
  return digits >= 7 ? user.substr(user.size() - 7) : user;
}

bool asks_for_user(Method method) {
  return method == Method::kRegister || method == Method::kInvite || method == Method::kOptions ||
         method == Method::kSubscribe;
}

std::string_view asked_user(const Transaction& t) {
  return session::user_of(t.method == Method::kRegister ? t.to_uri : t.request_uri);
}

Outcome outcome_without_login(const Transaction& t) {
  if (t.challenged()) return Outcome::kChallenge;
  if (t.success() || (t.method == Method::kInvite && t.ringing.known())) return Outcome::kPassed;
  if (t.status == 0) return Outcome::kSilent;
  return t.status >= 400 ? Outcome::kRefused : Outcome::kOther;
}

void note_challenges(const Transaction& t, Try& attempt) {
  for (const session::Challenge& challenge : t.challenges) attempt.challenged_nonce = text_key(challenge.nonce);
}

void widen(FrameRef& first, FrameRef& last, const FrameRef& frame) {
  if (!first.known() || frame < first) first = frame;
  if (!last.known() || last < frame) last = frame;
}

}  // namespace

std::uint32_t Texts::id(std::string_view text) {
  if (text.empty()) return 0;
  const TextKey key = text_key(text);
  if (const std::uint32_t* known = ids_.find(key)) return *known;
  if (texts_.size() >= cap_) return 0;
  const auto id = static_cast<std::uint32_t>(texts_.size());
  texts_.emplace_back(text);
  ids_.at_or_new(key) = id;
  return id;
}

SourceBook::SourceBook(const Caps& caps)
    : caps_(caps), texts_(kMaxNames), paths_(kMaxPaths), loans_(kMaxPaths), asked_(kMaxPaths) {}

TextKey SourceBook::path_key(std::string_view call_id, std::uint32_t cseq, std::string_view method) {
  std::uint64_t word = 0;
  for (const char c : method.substr(0, 8)) word = word << 8 | static_cast<std::uint8_t>(c);
  TextKey key = text_key(call_id);
  key.low = fold(key.low ^ kHashSeeds.first, word ^ kHashSeeds.second);
  key.high = fold(key.high ^ word, (std::uint64_t{cseq} << 32 | method.size()) ^ kHashSeeds.second);
  return key;
}

TextKey SourceBook::asked_key(const IpAddress& host, Method method, std::string_view user) {
  const TextKey address = address_key(host);
  TextKey key = text_key(tail_of_user(user));
  key.low = fold(key.low ^ address.low ^ static_cast<std::uint64_t>(method), kHashSeeds.second);
  key.high = fold(key.high ^ address.high, kHashSeeds.second) ^ address.low;
  return key;
}

void SourceBook::on_message(const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  if (event.frame.time.known()) {
    if (!first_time_.known() || event.frame.time < first_time_) first_time_ = event.frame.time;
    if (!last_time_.known() || event.frame.time > last_time_) last_time_ = event.frame.time;
  }
  if (!message.is_request && message.status >= 200 && !open_.empty()) answer_late(event);
  if (!message.is_request || message.method == Method::kAck || event.src.address == event.dst.address) return;
  bool made = false;
  // The same cut as in Transaction::call_id, so that both give one key.
  Path& path = paths_.get(
      path_key(message.call_id.substr(0, 256), message.cseq_number, message.method_text), event.frame.time,
      [](const TextKey&, Path&) {}, &made);
  if (made) path.client = event.src.address;
  const auto servers = std::span(path.servers).first(path.count);
  if (std::ranges::find(servers, event.dst.address) == servers.end() && path.count < path.servers.size() &&
      (path.client == event.src.address || std::ranges::find(servers, event.src.address) != servers.end())) {
    path.servers[path.count++] = event.dst.address;
  }
  note_loan(event);
  if (asks_for_user(message.method)) {
    const std::string_view user =
        session::user_of(message.method == Method::kRegister ? std::string_view{} : message.request_uri);
    std::string_view name = user;
    if (message.method == Method::kRegister) {
      if (const auto to = sip::parse_name_addr(message.to)) name = session::user_of(to->uri);
    }
    if (name.empty()) return;
    asked_.get(asked_key(event.dst.address, message.method, name), event.frame.time,
               [](const TextKey&, Timestamp&) {}) = event.frame.time;
  }
}

bool SourceBook::knows(const sip::MessageView& answer) const {
  auto& paths = const_cast<CappedTable<TextKey, Path>&>(paths_);
  const std::string_view call_id = answer.call_id.substr(0, 256);
  return paths.find(path_key(call_id, answer.cseq_number, answer.method_text)) != nullptr ||
         (!open_.empty() && open_.contains(open_key(call_id, answer.cseq_number, answer.method_text)));
}

bool SourceBook::forwarded(const Transaction& t) const {
  auto& paths = const_cast<CappedTable<TextKey, Path>&>(paths_);
  if (const Path* path = paths.find(path_key(t.call_id, t.cseq, t.method_text))) {
    const auto servers = std::span(path->servers).first(path->count);
    // Whoever sends on what another sent first adds a Via; it may have another address on that side.
    if (path->client != t.client.address &&
        (t.vias > 1 || std::ranges::find(servers, t.client.address) != servers.end())) {
      return true;
    }
  }
  if (borrowed(t)) return true;
  if (!asks_for_user(t.method) || t.in_dialog) return false;
  const std::string_view user = session::user_of(t.method == Method::kRegister ? t.to_uri : t.request_uri);
  if (user.empty()) return false;
  if (was_asked(t.client.address, t, user)) return true;
  const std::array<IpAddress, 4>* fronts = fronts_.find(t.client.address);
  return fronts != nullptr && std::ranges::any_of(*fronts, [&](const IpAddress& front) {
           return front != IpAddress{} && was_asked(front, t, user);
         });
}

bool SourceBook::was_asked(const IpAddress& host, const Transaction& t, std::string_view user) const {
  auto& asked = const_cast<CappedTable<TextKey, Timestamp>&>(asked_);
  const Timestamp* when = asked.find(asked_key(host, t.method, user));
  return when != nullptr && when->known() && t.request.time.known() &&
         std::abs(t.request.time.ns - when->ns) <= std::chrono::nanoseconds{kForwardWithin}.count();
}

Source* SourceBook::source_of(const IpAddress& address) {
  if (const std::uint32_t* known = by_address_.find(address)) return &sources_[*known];
  if (sources_.size() >= caps_.sources) {
    ++left_out_;
    return nullptr;
  }
  by_address_.at_or_new(address) = static_cast<std::uint32_t>(sources_.size());
  sources_.emplace_back();
  sources_.back().address = address;
  return &sources_.back();
}

Source* SourceBook::find(const IpAddress& address) {
  const std::uint32_t* known = by_address_.find(address);
  return known == nullptr ? nullptr : &sources_[*known];
}
const Source* SourceBook::find(const IpAddress& address) const {
  const std::uint32_t* known = by_address_.find(address);
  return known == nullptr ? nullptr : &sources_[*known];
}

Try* SourceBook::try_of(Source& source, std::string_view user) {
  const auto id = static_cast<std::uint32_t>(&source - sources_.data());
  const PairKey key{id, text_key(user)};
  if (const std::uint32_t* known = try_index_.find(key)) return &tries_[*known];
  if (tries_.size() >= caps_.tries) {
    source.over_limit = true;
    ++left_out_;
    return nullptr;
  }
  const auto index = static_cast<std::uint32_t>(tries_.size());
  try_index_.at_or_new(key) = index;
  Try& attempt = tries_.emplace_back();
  attempt.index = index;
  attempt.source = id;
  attempt.user = texts_.id(user);
  source.tries.push_back(index);
  return &attempt;
}

const Try* SourceBook::find_try(const Source& source, std::string_view user) const {
  const auto id = static_cast<std::uint32_t>(&source - sources_.data());
  const std::uint32_t* known = try_index_.find(PairKey{id, text_key(user)});
  return known == nullptr ? nullptr : &tries_[*known];
}

Target* SourceBook::target_of(Source& source, const Endpoint& server) {
  const auto id = static_cast<std::uint32_t>(&source - sources_.data());
  const PairKey key{id, address_key(server.address)};
  if (const std::uint32_t* known = target_index_.find(key)) return &source.targets[*known];
  if (targets_ >= caps_.targets) {
    source.over_limit = true;
    ++left_out_;
    return nullptr;
  }
  ++targets_;
  target_index_.at_or_new(key) = static_cast<std::uint32_t>(source.targets.size());
  source.targets.emplace_back();
  source.targets.back().host = server.address;
  return &source.targets.back();
}

bool SourceBook::asked(const IpAddress& client, const IpAddress& server) const {
  const std::uint32_t* id = by_address_.find(client);
  return id != nullptr && target_index_.find(PairKey{*id, address_key(server)}) != nullptr;
}

void SourceBook::note_server(const Transaction& t, bool new_client) {
  if (hosts_.size() >= caps_.sources && hosts_.find(t.server.address) == nullptr) return;
  Host& host = hosts_.at_or_new(t.server.address);
  if (new_client) ++host.clients;
  // What it asks for in mid-dialog is another matter (digest leak).
  if (!t.in_dialog)
    for (const session::Challenge& challenge : t.challenges) note_few(host.realms, texts_.id(challenge.realm), 8);
  if (t.method == Method::kRegister && t.status != 0) {
    if (t.success()) ++host.registers_accepted;
    if (t.challenged()) ++host.registers_challenged;
    if (t.success() || t.challenged()) note_few(host.aors, text_key(t.to_uri), 3);
  }
  if (t.method == Method::kInvite && t.success() && !t.in_dialog) ++host.invites_answered;
  if (t.method == Method::kInvite && t.challenged() && !t.in_dialog) ++host.invites_challenged;
}

void SourceBook::note_silent_login(const Transaction& t, LoginMemory& memory) {
  if (memory.silent++ == 0) memory.first_silent = t.request;
  memory.last_silent = t.request;
  const TextKey call_id = stable_key(t.call_id);
  if (call_id == memory.silent_call_id) return;
  memory.silent_call_id = call_id;
  ++memory.silent_ids;
}

void SourceBook::judge_login(const Transaction& t, Try& attempt, Outcome& outcome) {
  const session::Credentials& login = *t.login();
  if (attempt.logins == nullptr) attempt.logins = std::make_unique<LoginMemory>();
  LoginMemory& memory = *attempt.logins;
  const TextKey nonce = text_key(login.nonce);
  const bool good = t.method == Method::kRegister ? t.success()
                    : t.method == Method::kInvite ? t.success() || t.ringing.known()
                                                  : t.success();
  const bool refused = t.login_failed() || t.status == 404 || t.status == 604;
  if (good) {
    outcome = Outcome::kGoodLogin;
    if (attempt.good++ == 0) {
      attempt.first_good = t.request;
      if (attempt.bad == 0) attempt.first_step = attempt.last_ask;
    }
    attempt.last_good = t.request;
    if (t.method == Method::kRegister) ++attempt.good_registers;
    if (std::ranges::find(memory.good_nonces, nonce) == memory.good_nonces.end()) {
      memory.good_nonces[memory.good_at++ & 3] = nonce;
    }
    if (memory.unsure_bad == 1 && seconds_between(memory.unsure_time, t.request.time) <= 30) {
      attempt.bad -= std::min(attempt.bad, memory.unsure_bad);
    }
    memory.unsure_bad = 0;
    return;
  }
  if (t.status == 0) note_silent_login(t, memory);
  if (!refused) {
    outcome = t.status == 0 ? Outcome::kSilent : t.stale() ? Outcome::kChallenge : Outcome::kOther;
    return;
  }
  if ((t.status == 404 || t.status == 604) && t.method != Method::kRegister) {
    outcome = Outcome::kOther;  // the one who was called does not exist; that says nothing of the caller
    return;
  }
  if (t.status == 403 && t.method != Method::kRegister) {
    ++attempt.forbidden_invites;
    outcome = Outcome::kOther;
    if (attempt.good != 0) return;
  }
  // A nonce that was good before has only grown too old, whatever the server says.
  if (t.challenged() && std::ranges::find(memory.good_nonces, nonce) != memory.good_nonces.end()) {
    outcome = Outcome::kChallenge;
    return;
  }
  outcome = Outcome::kBadLogin;
  if (t.challenged() && !(attempt.challenged_nonce == nonce)) {
    ++memory.unsure_bad;
    memory.unsure_time = t.request.time;
  } else {
    memory.unsure_bad = 0;
  }
  if (attempt.bad++ == 0) {
    attempt.first_bad = t.request;
    attempt.first_step = attempt.last_ask;
  }
  attempt.last_bad = t.request;
  if (t.status == 404 || t.status == 604) ++attempt.no_such_user;
  const TextKey call_id = stable_key(t.call_id);
  if (!(call_id == memory.call_id)) {
    ++attempt.call_ids;
    memory.call_id = call_id;
  }
  const TextKey response = text_key(login.response);
  const TextKey uri = text_key(login.uri, t.method_text);
  if (memory.bad_nonce == nonce && memory.bad_uri == uri && login.cnonce.empty() &&
      !(memory.bad_response == response)) {
    attempt.varied = true;
  }
  memory.bad_nonce = nonce;
  memory.bad_uri = uri;
  memory.bad_response = response;
}

IpAddress SourceBook::sender(const Transaction& t) const {
  // Where an edge proxy passes registrations on, the proxy is not who asks. Of other requests only logins are told
  // apart: calls from a carrier come through the same proxy.
  if (t.vias < 2) return t.client.address;
  const bool login = !t.credentials.empty() || t.challenged();
  if (t.method != Method::kRegister && (t.vias != 2 || !login || !edge(t.client.address))) {
    return t.client.address;
  }
  const auto origin = IpAddress::parse(t.origin);
  return origin && !origin->unspecified() && !origin->loopback() ? *origin : t.client.address;
}

std::set<IpAddress> SourceBook::answering() const {
  std::set<IpAddress> hosts;
  for (const Source& source : sources_) {
    for (const Target& target : source.targets) {
      if (target.answered != 0) hosts.insert(target.host);
    }
  }
  return hosts;
}

bool SourceBook::unheard(const Source& source, const std::set<IpAddress>& answering) {
  return source.answered == 0 &&
         std::ranges::none_of(source.targets, [&](const Target& target) { return answering.contains(target.host); });
}

bool SourceBook::only_forwards(const IpAddress& address) const {
  return find(address) == nullptr && forwarders_.find(address) != nullptr;
}

bool SourceBook::edge(const IpAddress& address) const {
  const std::uint32_t* accepted = edges_.find(address);
  return accepted != nullptr && *accepted != 0;
}

void SourceBook::note_ask(const Transaction& t, Try& attempt) {
  const TextKey call_id = stable_key(t.call_id);
  const bool again = attempt.ask_open && attempt.ask_call_id == call_id;
  if (again) ++attempt.repeats;
  if (attempt.ask_open && !again) attempt.alone = true;
  attempt.ask_open = true;
  attempt.ask_call_id = call_id;
  attempt.last_ask = t.request;
}

void SourceBook::note_login_step(const Transaction& t, Try& attempt) {
  const bool open = attempt.ask_open;
  attempt.ask_open = false;
  const bool same = attempt.ask_call_id == stable_key(t.call_id);
  const bool near = !attempt.alone && seconds_between(attempt.last_ask.time, t.request.time) <= kStepWithin;
  if (open && (same || near)) return;
  if (open) attempt.alone = true;
  attempt.last_ask = {};
}

void SourceBook::note_target(Source& source, const Transaction& t) {
  const std::size_t known_targets = source.targets.size();
  if (Target* target = target_of(source, t.server)) {
    ++target->visits;
    if (t.status != 0) ++target->answered;
    widen(target->first, target->last, t.request);
    if (target->ports.size() < 256 && std::ranges::find(target->ports, t.server.port()) == target->ports.end()) {
      target->ports.push_back(t.server.port());
      target->port_times.push_back(t.request.time);
    }
  }
  note_server(t, source.targets.size() != known_targets);
}

void SourceBook::note_signs(Source& source, const Transaction& t) {
  Signs signs = signs_of(t);
  if (const std::uint32_t agent = texts_.id(t.user_agent); agent != 0) {
    bool made = false;
    std::uint64_t& bits = agent_signs_.at_or_new(agent, &made);
    if (made) bits = signs_of_agent(t.user_agent).bits();
    signs.add(Signs::from_bits(bits));
  }
  if (!signs.empty() && source.signs.empty()) source.sign_frame = t.request;
  source.signs.add(signs);
  note_few(source.agents, texts_.id(t.user_agent), 16);
  note_few(source.shapes, t.shape, 16);
  note_few(source.via_hosts, texts_.id(t.sent_by.substr(0, t.sent_by.rfind(':'))), 64);
}

Try* SourceBook::note_login(Source& source, const Transaction& t, Outcome& outcome) {
  std::string_view name = t.account();
  const std::string_view from = session::user_of(t.from_uri);
  // "100@example.com" as digest username is account 100.
  if (const std::size_t sign = name.find('@'); sign != std::string_view::npos && name.substr(0, sign) == from) {
    name = from;
  }
  Try* attempt = try_of(source, name);
  if (attempt != nullptr) {
    ++attempt->requests;
    if (!attempt->first.known() || t.request < attempt->first) attempt->first = t.request;
    attempt->last = t.request;
    const bool first_success = attempt->good_registers == 0;
    note_login_step(t, *attempt);
    judge_login(t, *attempt, outcome);
    if (first_success && attempt->good_registers != 0) ++source.registered;
    attempt->agent = texts_.id(t.user_agent);
    note_challenges(t, *attempt);
    attempt->followed = true;
  }
  if (const std::string_view user = asked_user(t); user != name && asks_for_user(t.method)) {
    if (Try* asked = try_of(source, user)) asked->followed = true;
  }
  return attempt;
}

Try* SourceBook::note_without_login(Source& source, const Transaction& t, Outcome& outcome) {
  outcome = outcome_without_login(t);
  if (t.method == Method::kInvite) {
    note_few(source.callers, texts_.id(session::user_of(t.from_uri)), 64);
    if (outcome == Outcome::kPassed) {
      if (source.rung++ == 0) source.first_rung = t.request;
      if (t.success() && source.accepted_invites++ == 0) source.first_accepted = t.request;
    }
  }
  const std::string_view user = asked_user(t);
  if (!asks_for_user(t.method) || user.empty()) return nullptr;
  Try* attempt = try_of(source, user);
  if (attempt == nullptr) return nullptr;
  ++attempt->requests;
  attempt->in_bulk = true;
  note_ask(t, *attempt);
  attempt->methods = static_cast<std::uint16_t>(attempt->methods | 1U << static_cast<unsigned>(t.method));
  if (!attempt->first.known() || t.request < attempt->first) attempt->first = t.request;
  attempt->last = t.request;
  if (attempt->agent == 0) attempt->agent = texts_.id(t.user_agent);
  note_challenges(t, *attempt);
  if (outcome == Outcome::kPassed && !attempt->first_passed.known()) attempt->first_passed = t.request;
  count_answer(*attempt, t.status, t.challenged() || outcome == Outcome::kPassed);
  return attempt;
}

void SourceBook::stamp(Source& source, const Transaction& t, const Try* attempt, Outcome outcome) {
  const Stamp one{.ns = t.request.time.known() ? t.request.time.ns : 0,
                  .attempt = attempt != nullptr ? attempt->index : CappedTable<TextKey, int>::kNone,
                  .method = t.method,
                  .outcome = outcome,
                  .answered = t.status != 0};
  // What comes more often than any client repeats it is sent anew on purpose.
  const std::uint32_t copies = t.retransmissions > kCopiesOfClient ? t.retransmissions - kCopiesOfClient : 0;
  for (std::uint32_t i = 0; i <= copies; ++i) {
    if (stamps_ >= caps_.stamps) {
      source.unlogged += copies - i + 1;
      return;
    }
    ++stamps_;
    source.stamps.push_back(one);
  }
}

Source* SourceBook::on_transaction(const Transaction& t, Outcome& outcome) {
  outcome = Outcome::kOther;
  if (t.method == Method::kAck || t.client.address == t.server.address) return nullptr;
  if (forwarded(t)) {
    if (forwarders_.size() < kMaxEdges) forwarders_.at_or_new(t.client.address) += 1;
    return nullptr;
  }
  if (t.method == Method::kRegister && t.vias > 1 && edges_.size() < kMaxEdges) {
    edges_.at_or_new(t.client.address) += t.success() ? 1U : 0U;
  }
  Source* found = source_of(sender(t));
  if (found == nullptr) return nullptr;
  Source& source = *found;
  widen(source.first, source.last, t.request);
  ++source.requests;
  if (t.status != 0 || t.provisional.known()) ++source.answered;
  note_target(source, t);
  const Try* attempt = nullptr;
  if (!t.in_dialog) {
    ++source.outside_dialog;
    ++source.methods[static_cast<std::size_t>(t.method) & 15];
    if (source.requests <= kSignsOfEach || source.requests % 8 == 0) note_signs(source, t);
    attempt = t.login() != nullptr ? note_login(source, t, outcome) : note_without_login(source, t, outcome);
  }
  ++source.outcomes[static_cast<std::size_t>(outcome)];
  if (outcome == Outcome::kSilent && attempt != nullptr) keep_open(source, t, *attempt);
  stamp(source, t, attempt, outcome);
  return found;
}

void SourceBook::settle() {
  for (Source& source : sources_) std::ranges::stable_sort(source.stamps, {}, &Stamp::ns);
}

std::uint64_t SourceBook::requests_between(const Source& source, Timestamp from, Timestamp to) {
  const auto begin = std::ranges::lower_bound(source.stamps, from.ns, {}, &Stamp::ns);
  const auto end = std::ranges::upper_bound(source.stamps, to.ns, {}, &Stamp::ns);
  const bool before = source.stamps.empty() || from.ns < source.stamps.front().ns;
  return static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(0, end - begin)) + source.unlogged +
         (before ? source.earlier : 0);
}

bool SourceBook::shared(const Source& source, const std::vector<std::uint32_t>& tries) const {
  return std::ranges::any_of(source.tries, [&](std::uint32_t index) {
    const Try& one = tries_[index];
    return one.good != 0 && one.good > one.bad && !one.claimed && !std::ranges::binary_search(tries, index);
  });
}

std::uint64_t SourceBook::requests_of(const Source& source, Timestamp from, Timestamp to,
                                      const std::vector<std::uint32_t>& tries) const {
  if (!shared(source, tries)) return requests_between(source, from, to);
  std::uint64_t earlier = 0;
  for (const std::uint32_t index : tries) {
    const Try& one = tries_[index];
    if (&sources_[one.source] == &source && from <= one.first.time) earlier += one.earlier;
  }
  return earlier + static_cast<std::uint64_t>(std::ranges::count_if(source.stamps, [&](const Stamp& stamp) {
           return stamp.ns >= from.ns && stamp.ns <= to.ns && std::ranges::binary_search(tries, stamp.attempt);
         }));
}

}  // namespace voip::analyze::fraud
