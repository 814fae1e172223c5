#include "analyze/fraud/malformed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <iterator>

#include "base/text.h"
#include "proto/sip/fields.h"

namespace voip::analyze::fraud {

namespace {

using report::Confidence;
using report::Severity;
using sip::Anomaly;
using sip::HeaderId;
using sip::Method;

constexpr std::uint64_t kInspectOfEach = 4;  // beyond, every eighth, and all once something was wrong
constexpr std::size_t kMaxTimes = 4096;
constexpr std::size_t kBroken = 10;
constexpr int kKinds = 3;
constexpr std::size_t kLongValue = 2048;
constexpr std::size_t kStrays = 20;
constexpr std::size_t kAmplified = 10;
constexpr std::string_view kForgeable =
    "Odd, but no attack by itself: the source address of UDP requests can be forged, and probes of all kinds reach "
    "every address.";

// Errors of grammar. Habits of old or lax but honest devices are not among them.
sip::AnomalySet grammar_errors(const sip::AnomalySet& all) {
  if (all.empty()) return all;
  static constexpr std::array kErrors{Anomaly::kBadStartLine,
                                      Anomaly::kBadVersion,
                                      Anomaly::kStartLineBlanks,
                                      Anomaly::kMissingVia,
                                      Anomaly::kMissingFrom,
                                      Anomaly::kMissingTo,
                                      Anomaly::kMissingCallId,
                                      Anomaly::kMissingCSeq,
                                      Anomaly::kDuplicateSingleHeader,
                                      Anomaly::kBadHeaderLine,
                                      Anomaly::kBadHeaderName,
                                      Anomaly::kBadCSeq,
                                      Anomaly::kCSeqOutOfRange,
                                      Anomaly::kCSeqMethodMismatch,
                                      Anomaly::kBadContentLength,
                                      Anomaly::kContentLengthTooLarge,
                                      Anomaly::kContentLengthNegative,
                                      Anomaly::kBadMaxForwards,
                                      Anomaly::kBadRequestUri,
                                      Anomaly::kUriWithAngleBrackets,
                                      Anomaly::kUriWithBlanks,
                                      Anomaly::kBadVia,
                                      Anomaly::kBadNameAddr,
                                      Anomaly::kUnterminatedQuote,
                                      Anomaly::kBadExpires,
                                      Anomaly::kBadContactStar,
                                      Anomaly::kNulByte,
                                      Anomaly::kTooManyHeaders,
                                      Anomaly::kOversizedHeader,
                                      Anomaly::kBadMultipart,
                                      Anomaly::kEmptyHeaderName,
                                      Anomaly::kNoEndOfHeaders,
                                      Anomaly::kBadPort};
  sip::AnomalySet errors;
  for (const Anomaly one : kErrors) {
    if (all.has(one)) errors.add(one);
  }
  return errors;
}

// No device writes such values; tokens and signatures may be as long.
bool overlong(const sip::MessageView& message) {
  return std::ranges::any_of(message.headers, [](const sip::Header& header) {
    return header.value.size() > kLongValue && header.id != HeaderId::kIdentity &&
           header.id != HeaderId::kAuthorization && header.id != HeaderId::kProxyAuthorization;
  });
}

// The field that may stand once and stands twice, and what it says each time.
std::pair<std::string_view, std::string> doubled(const sip::MessageView& message) {
  constexpr std::size_t kShown = 60;
  static constexpr std::array kOnce{HeaderId::kFrom,        HeaderId::kTo,          HeaderId::kCallId,
                                    HeaderId::kCSeq,        HeaderId::kMaxForwards, HeaderId::kContentLength,
                                    HeaderId::kContentType, HeaderId::kExpires};
  for (const HeaderId id : kOnce) {
    const auto is = [id](const sip::Header& header) { return header.id == id; };
    const auto first = std::ranges::find_if(message.headers, is);
    if (first == message.headers.end()) continue;
    const auto second = std::find_if(first + 1, message.headers.end(), is);
    if (second == message.headers.end()) continue;
    return {first->name,
            fmt::format("two values, {} and {}", first->value.substr(0, kShown), second->value.substr(0, kShown))};
  }
  return {"header", "a field that may stand once stands twice"};
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

MalformedWatch::Sender* MalformedWatch::sender_of(const IpAddress& address) {
  if (const std::uint32_t* known = index_.find(address)) return &senders_[*known];
  if (senders_.size() >= cap_) return nullptr;
  index_.at_or_new(address) = static_cast<std::uint32_t>(senders_.size());
  senders_.emplace_back();
  senders_.back().address = address;
  return &senders_.back();
}

void MalformedWatch::hit(Sender& sender, Injected what, const dissect::SipEvent& event, std::string_view field,
                         std::string_view text) {
  Record& record = sender.cause();
  Hit& hit = record.hits[static_cast<std::size_t>(what)];
  if (hit.count++ == 0) {
    hit.first = event.frame;
    hit.field = std::string(field.substr(0, 32));
    hit.text = std::string(text.substr(0, 120));
  }
  hit.last = event.frame;
  if (!(record.last_hit == event.frame)) ++record.carrying;
  record.last_hit = event.frame;
}

void MalformedWatch::look_for_commands(Sender& sender, const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  const auto judge = [&](std::string_view field, std::string_view text, bool user) {
    if (text.empty()) return;
    const std::string decoded = percent_decoded(text.substr(0, 2048));
    const std::string lower = to_lower(decoded);
    if (looks_like_sql(lower)) hit(sender, Injected::kSql, event, field, decoded);
    if (looks_like_shell(lower)) hit(sender, Injected::kShell, event, field, decoded);
    if (looks_like_script(lower)) hit(sender, Injected::kScript, event, field, decoded);
    if (user && (has(decoded, "\r\n") || has(decoded, "\n"))) hit(sender, Injected::kSmuggled, event, field, text);
  };
  // Of a URI only the user part: behind it, ';' and '?' are its syntax.
  const auto user = [&](std::string_view field, std::string_view uri) {
    const std::size_t colon = uri.find(':');
    const std::size_t sign = uri.rfind('@');
    if (colon == std::string_view::npos || sign == std::string_view::npos || sign <= colon) return;
    std::string_view name = uri.substr(colon + 1, sign - colon - 1);
    judge(field, name, true);
    if (message.method == Method::kInvite && field == "Request-URI" &&
        looks_like_dialplan(name.substr(0, name.find(';')))) {
      hit(sender, Injected::kDialplan, event, field, name);
    }
  };
  const auto name_addr = [&](std::string_view field, std::string_view value) {
    const auto parsed = sip::parse_name_addr(value);
    if (!parsed) {
      judge(field, value.substr(0, value.rfind(";tag=")), false);
      return;
    }
    judge(field, parsed->display, false);
    user(field, parsed->uri);
  };
  user("Request-URI", message.request_uri);
  for (const sip::Header& header : message.headers) {
    switch (header.id) {
      case HeaderId::kFrom:
      case HeaderId::kTo:
      case HeaderId::kContact:
      case HeaderId::kPAssertedIdentity:
      case HeaderId::kPPreferredIdentity:
      case HeaderId::kRemotePartyId:
      case HeaderId::kReferTo:
      case HeaderId::kDiversion: name_addr(header.name, header.value); break;
      case HeaderId::kAuthorization:
      case HeaderId::kProxyAuthorization:
        if (const auto login = sip::parse_authorization(header.value)) {
          judge("username", login->username, false);
          judge("realm", login->realm, false);
        }
        break;
      case HeaderId::kUserAgent:
      case HeaderId::kSubject:
      case HeaderId::kCallInfo:
      case HeaderId::kReason:
      case HeaderId::kOther: judge(header.name, header.value, false); break;
      default: break;
    }
  }
}

void MalformedWatch::on_message(const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  if (event.frame.time.known() && (!last_.known() || last_ < event.frame.time)) last_ = event.frame.time;
  if (!message.is_request) {
    if (Host* host = hosts_.find(event.src.address)) host->last_answer = event.frame.time;
    return;
  }
  if (Host* host = hosts_.find(event.dst.address)) {
    host->last_request = event.frame.time;
  } else if (hosts_.size() < cap_) {
    hosts_.at_or_new(event.dst.address).last_request = event.frame.time;
  }
  Sender* known = sender_of(event.src.address);
  if (known == nullptr) return;
  Sender& sender = *known;
  ++sender.requests;
  if (event.truncated) return;
  sip::AnomalySet anomalies = message.anomalies;
  const bool seen_wrong = sender.record != nullptr && sender.record->broken != 0;
  if (sender.requests <= kInspectOfEach || sender.requests % 8 == 0 || seen_wrong) {
    anomalies.add(sip::inspect(message));
  }
  if (event.raw.size() > kLongValue && overlong(message)) anomalies.add(Anomaly::kOversizedHeader);
  const sip::AnomalySet errors = grammar_errors(anomalies);
  if (!errors.empty()) {
    Record& record = sender.cause();
    ++record.broken;
    record.kinds.add(errors);
    if (!record.first_broken.known()) record.first_broken = event.frame;
    record.last_broken = event.frame;
    if (record.times.size() < kMaxTimes && event.frame.time.known()) record.times.push_back(event.frame.time.ns);
    if (record.targets.size() < 256 && std::ranges::find(record.targets, event.dst.address) == record.targets.end()) {
      record.targets.push_back(event.dst.address);
    }
  }
  if (errors.has(Anomaly::kDuplicateSingleHeader)) {
    const auto [field, values] = doubled(message);
    hit(sender, Injected::kSmuggled, event, field, values);
  }
  // Blanks before the colon of some fields, not of all: a parser that misses them reads another message.
  std::size_t spaced = 0;
  const std::string_view raw = as_text(event.raw);
  for (const sip::Header& header : message.headers) {
    if (header.name.empty() || header.name.data() < raw.data()) continue;
    const auto end = static_cast<std::size_t>(header.name.data() - raw.data()) + header.name.size();
    if (end < raw.size() && (raw[end] == ' ' || raw[end] == '\t')) ++spaced;
  }
  if (spaced != 0 && spaced * 2 < message.headers.size()) {
    hit(sender, Injected::kSmuggled, event, "header", "blanks between a field's name and its colon");
  }
  const std::string_view head = raw.substr(0, raw.size() - std::min(raw.size(), message.body.size()));
  if ((anomalies.has(Anomaly::kBareLf) || anomalies.has(Anomaly::kBareCr)) && mixed_line_ends(head)) {
    hit(sender, Injected::kSmuggled, event, "header", "a line that ends otherwise than the others");
  }
  if (may_hold_command(head)) {
    look_for_commands(sender, event);
  }
  const std::uint16_t port = event.dst.port();
  if (event.signalling == dissect::Signalling::kUdp && (port == 53 || port == 80 || port == 123 || port == 443)) {
    Record& record = sender.cause();
    if (record.odd_port.count++ == 0) record.odd_port.first = event.frame;
    record.odd_port.last = event.frame;
    record.odd_port.text = std::to_string(port);
    if (record.targets.size() < 256 && std::ranges::find(record.targets, event.dst.address) == record.targets.end()) {
      record.targets.push_back(event.dst.address);
    }
  }
}

void MalformedWatch::on_transaction(const session::Transaction& t) {
  if (t.signalling != dissect::Signalling::kUdp || !t.credentials.empty() || t.in_dialog || t.status == 0) return;
  const bool many = t.answers >= 3 && t.method != Method::kInvite;
  if (t.answer_bytes < 3 * t.bytes && !many) return;
  Sender* sender = sender_of(t.client.address);
  if (sender == nullptr) return;
  Record& record = sender->cause();
  if (record.amplification.count++ == 0) record.amplification.first = t.request;
  record.amplification.last = t.request;
  if (record.amplified.size() < kMaxTimes && t.request.time.known()) record.amplified.push_back(t.request.time.ns);
}

void MalformedWatch::on_stray_answer(const dissect::SipEvent& event) {
  if (strays_.size() >= cap_ && strays_.find(event.dst.address) == nullptr) return;
  Stray& stray = strays_.at_or_new(event.dst.address);
  if (!stray.first.known()) stray.first = event.frame;
  stray.last = event.frame;
  ++stray.count;
  if (stray.times.size() < kMaxTimes && event.frame.time.known()) stray.times.push_back(event.frame.time.ns);
  if (stray.servers.size() < 256 && std::ranges::find(stray.servers, event.src.address) == stray.servers.end()) {
    stray.servers.push_back(event.src.address);
  }
}

// Answers that hit a host which never asked: somebody sends requests in its name elsewhere.
void MalformedWatch::conclude_strays(Casework& work) {
  // A tap that sees one direction only sees nothing but such answers.
  if (work.book.sources().empty()) return;
  std::vector<std::pair<IpAddress, Stray*>> all;
  strays_.for_each([&](const IpAddress& host, Stray& stray) { all.emplace_back(host, &stray); });
  std::ranges::sort(all, {}, [](const auto& item) { return item.first; });
  for (const auto& [victim, stray] : all) {
    std::ranges::sort(stray->times);
    if (most_within(stray->times, std::chrono::seconds{60}) < kStrays) continue;
    if (std::ranges::any_of(stray->servers,
                            [&, &host = victim](const IpAddress& server) { return work.book.asked(host, server); })) {
      continue;
    }
    Incident incident;
    incident.kind = Kind::kAnomaly;
    incident.first = stray->first;
    incident.last = stray->last;
    incident.messages = stray->count;
    incident.sources = stray->servers;
    incident.targets.push_back(victim.to_string());
    incident.entity = "answers to " + victim.to_string();
    incident.evidence =
        Casework::evidence(stray->first, stray->first, "decisive: an answer without a request", stray->last);
    incident.explanation =
        "Servers answer requests that this host never sent: its address is forged elsewhere, and the answers are the "
        "attack. The servers are abused, not hostile. A capture that misses what the host sends would look the same.";
    incident.checks.push_back(fired(kAmplification, Severity::kMedium, Confidence::kProbable,
                                    fmt::format("{} to {}, which never asked, from {}", counted(stray->count, "answer"),
                                                victim.to_string(), counted(stray->servers.size(), "server"))));
    work.findings.incidents.add(std::move(incident));
  }
}

// One sender when the conclusions are drawn.
struct MalformedWatch::Case {
  Casework& work;
  const Sender& sender;
  const Source* source;  // null: it is not in the book
  bool own;              // of the site, or a peer
  bool at_home;          // a device that logs in with success, however odd its messages
  bool fuzzing;
  std::vector<Fired> injected{};  // the gravest first
  FrameRef first{}, last{};       // of these

  const Record& record() const { return *sender.record; }
  std::string name() const { return sender.address.to_string(); }
  void raise(Incident incident) const {
    incident.entity = "source " + name();
    std::vector<std::uint32_t> culprits;
    if (source != nullptr) culprits.push_back(work.index_of(*source));
    if (culprits.empty()) incident.sources.push_back(sender.address);
    work.raise(std::move(incident), culprits);
  }
};

void MalformedWatch::conclude(Casework& work) {
  conclude_strays(work);
  for (Sender& sender : senders_) {
    if (sender.record == nullptr) continue;
    const Source* source = work.book.find(sender.address);
    if (source != nullptr && work.site().pentest.contains(sender.address)) continue;
    // What a server passes on, others wrote.
    if (work.roles.relay(sender.address) || work.roles.registrar(sender.address) ||
        work.book.only_forwards(sender.address)) {
      continue;
    }
    Record& record = *sender.record;
    std::ranges::sort(record.times);
    std::ranges::sort(record.amplified);
    const int kinds = std::popcount(record.kinds.bits());
    const bool burst = most_within(record.times, std::chrono::seconds{600}) >= kBroken;
    const bool at_home = source != nullptr && (source->registered != 0 ||
                                               source->outcomes[static_cast<std::size_t>(Outcome::kGoodLogin)] != 0);
    Case one{.work = work,
             .sender = sender,
             .source = source,
             .own = work.site().own(sender.address) || work.site().peers.contains(sender.address),
             .at_home = at_home,
             .fuzzing = !at_home &&
                        ((burst && (kinds >= kKinds || record.kinds.has(Anomaly::kOversizedHeader))) || kinds >= 20)};
    find_injected(one);
    if (one.fuzzing) {
      raise_fuzzing(one);
      continue;
    }
    if (!one.injected.empty()) raise_injection(one);
    if (one.own || at_home || (source != nullptr && work.roles.trusted(*source))) continue;
    tell_odd_port(one);
    tell_amplification(one);
  }
}

void MalformedWatch::find_injected(Case& one) {
  static constexpr std::array<const report::Rule*, kInjectedCount> kRulesOf{
      &kSqlInjection, &kShellInjection, &kScriptInjection, &kDialplanInjection, &kHeaderSmuggling};
  for (std::size_t i = 0; i < kInjectedCount; ++i) {
    const Hit& hit = one.record().hits[i];
    if (hit.count == 0) continue;
    const bool smuggled = i == static_cast<std::size_t>(Injected::kSmuggled);
    // Smuggling by an honest but odd device is a habit of all its messages.
    if (smuggled && hit.count > 20 && (one.fuzzing || hit.count * 2 > one.sender.requests)) continue;
    if (i == static_cast<std::size_t>(Injected::kDialplan) && one.own) continue;
    Fired check = fired(*kRulesOf[i], smuggled ? Severity::kMedium : kRulesOf[i]->severity,
                        smuggled ? Confidence::kPossible : Confidence::kProbable,
                        fmt::format("{} of {} from {}: {} holds {}", hit.count, counted(one.sender.requests, "request"),
                                    one.name(), hit.field, hit.text));
    check.evidence = {{.frame = hit.first, .note = hit.field}};
    one.injected.push_back(std::move(check));
    if (!one.first.known() || hit.first < one.first) one.first = hit.first;
    if (!one.last.known() || one.last < hit.last) one.last = hit.last;
  }
  std::ranges::stable_sort(one.injected, [](const Fired& a, const Fired& b) { return a.severity > b.severity; });
}

// Answered until about the last broken message, and nothing that it was asked afterwards.
bool MalformedWatch::fell_silent(const IpAddress& target, const Record& record) {
  const Host* host = hosts_.find(target);
  return host != nullptr && host->last_answer.known() && host->last_request.known() &&
         later_by(host->last_answer, host->last_request, std::chrono::seconds{30}) &&
         seconds_between(record.first_broken.time, host->last_answer) >= 0 &&
         std::abs(seconds_between(host->last_answer, record.last_broken.time)) <= 30;
}

void MalformedWatch::raise_fuzzing(Case& one) {
  const Record& record = one.record();
  Incident incident;
  incident.kind = Kind::kMalformedFuzzing;
  incident.first = record.first_broken;
  incident.last = record.last_broken;
  incident.messages = record.broken;
  incident.attempts = record.broken;
  incident.certain_attacker = !one.own;
  bool silenced = false;
  for (const IpAddress& target : record.targets) {
    incident.targets.push_back(target.to_string());
    silenced |= fell_silent(target, record);
  }
  std::string names;
  for (std::uint64_t bits = record.kinds.bits(); bits != 0; bits &= bits - 1) {
    if (!names.empty()) names += ", ";
    names += sip::to_string(static_cast<Anomaly>(std::countr_zero(bits)));
  }
  incident.evidence =
      Casework::evidence(record.first_broken, record.first_broken, "decisive: broken message", record.last_broken);
  incident.explanation =
      fmt::format("{} messages break the grammar in {}. One broken device repeats one error{}.{}", record.broken,
                  counted(static_cast<std::uint64_t>(std::popcount(record.kinds.bits())), "way"),
                  record.kinds.has(Anomaly::kOversizedHeader) ? ", and none writes values of this length" : "",
                  silenced ? " The target fell silent afterwards." : "");
  incident.checks.push_back(fired(kFuzzing, silenced ? Severity::kCritical : Severity::kMedium, Confidence::kProbable,
                                  fmt::format("{} broken messages from {}: {}", record.broken, one.name(), names)));
  std::ranges::move(one.injected, std::back_inserter(incident.checks));
  one.raise(std::move(incident));
}

void MalformedWatch::raise_injection(Case& one) {
  const bool only_smuggling =
      std::ranges::all_of(one.injected, [](const Fired& check) { return check.rule == &kHeaderSmuggling; });
  const Hit& smuggled = one.record().hits[static_cast<std::size_t>(Injected::kSmuggled)];
  Incident incident;
  incident.kind = Kind::kInjection;
  incident.first = one.first;
  incident.last = one.last;
  incident.messages = one.record().carrying;
  incident.attempts = one.record().carrying;
  incident.certain_attacker = !one.own && one.injected.front().severity >= Severity::kHigh;
  incident.evidence = Casework::evidence(
      one.first, one.injected.front().evidence.front().frame,
      only_smuggling ? "decisive: read in two ways" : "decisive: the field with the command", one.last);
  incident.explanation =
      only_smuggling
          ? fmt::format(
                "{} holds {}. Two programs that read such a request may take it for two different ones: what a border "
                "element checked is not what the server behind it acts on. An old or careless device may write the "
                "like by mistake.",
                smuggled.field, smuggled.text)
          : "Fields that servers put into queries, shells, dial plans or web pages carry commands for them. A name "
            "with an apostrophe alone would not be told.";
  if (one.source != nullptr) {
    for (const Target& target : one.source->targets) incident.targets.push_back(target.host.to_string());
  }
  incident.checks = std::move(one.injected);
  one.raise(std::move(incident));
}

void MalformedWatch::tell_odd_port(const Case& one) {
  const Hit& odd = one.record().odd_port;
  if (odd.count == 0) return;
  Fired check = fired(kOddCarrier, Severity::kLow, Confidence::kProbable,
                      fmt::format("{} sent {} SIP requests to UDP port {}", one.name(), odd.count, odd.text));
  check.evidence = {{.frame = odd.first, .note = "SIP on a port of another service"}};
  tell_beside(one.work, one.sender.address, std::move(check), odd.first, odd.last, odd.count, kForgeable);
}

void MalformedWatch::tell_amplification(const Case& one) {
  const Hit& hit = one.record().amplification;
  if (most_within(one.record().amplified, std::chrono::seconds{60}) < kAmplified) return;
  Fired check = fired(
      kAmplification, Severity::kMedium, Confidence::kProbable,
      fmt::format("{} requests of {} without credentials were answered with three times their bytes, or three times",
                  hit.count, one.name()));
  check.evidence = {{.frame = hit.first, .note = "request with a much larger answer"}};
  tell_beside(one.work, one.sender.address, std::move(check), hit.first, hit.last, hit.count, kForgeable);
}

}  // namespace voip::analyze::fraud
