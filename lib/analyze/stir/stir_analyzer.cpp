#include "analyze/stir/stir_analyzer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analyze/stir/across.h"
#include "analyze/stir/content.h"
#include "analyze/stir/findings.h"
#include "analyze/stir/judge.h"
#include "base/table.h"
#include "base/text.h"
#include "proto/sip/fields.h"

namespace voip::analyze::stir {

namespace {

using sip::HeaderId;
using sip::Method;

constexpr std::size_t kMaxIdentities = 64;  // of one Call-ID
constexpr std::size_t kMaxResponses = 16;
constexpr std::size_t kMaxHops = 16;
constexpr std::size_t kMaxText = 512;
constexpr std::size_t kMaxDevices = 1U << 16;

bool has_identity(const sip::MessageView& message) {
  return std::ranges::any_of(message.headers, [](const sip::Header& one) { return one.id == HeaderId::kIdentity; });
}

}  // namespace

struct StirAnalyzer::Impl {
  Impl(const Options& given, Store& with, report::Sink& sink)
      : options(given), store(with), judge(options, store), findings(options, sink) {}

  Options options;
  Store& store;
  Judge judge;
  Findings findings;
  sdp::Parser sdp_parser;
  std::vector<CallRecord> calls;
  std::vector<std::vector<TextKey>> raw;  // beside calls: Identity values as sent, to tell retransmissions
  FlatMap<TextKey, std::uint32_t> by_call_id;
  std::set<IpAddress> devices;  // that have registered
  std::uint64_t dropped = 0;

  void on_request(const dissect::SipEvent& event) {
    const sip::MessageView& message = *event.message;
    if (message.call_id.empty()) return;
    const TextKey key = text_key(message.call_id);
    const std::uint32_t* known = by_call_id.find(key);
    const bool begins = message.method == Method::kInvite || message.method == Method::kMessage;
    if (known == nullptr && !begins) return;
    const bool signed_request = has_identity(message);
    if (known != nullptr && !signed_request) {
      if (begins) calls[*known].unsigned_try = message.cseq_number;
      if (begins) note_hop(calls[*known], event, Carried::kNothing);
      return;
    }
    Carried carried = Carried::kOthers;
    const bool repeated = known != nullptr && all_seen(*known, message, carried);
    const bool anew = repeated && begins && tried_anew(calls[*known], event);
    if (anew) check_again(calls[*known], event);
    if (repeated) {
      if (begins) note_hop(calls[*known], event, Carried::kSame);
      return;
    }
    if (known == nullptr && calls.size() >= options.max_calls) {
      ++dropped;
      return;
    }
    const Request request = read_request(event, options.country_code, sdp_parser);
    if (known == nullptr) {
      by_call_id.at_or_new(key) = static_cast<std::uint32_t>(calls.size());
      begin(request, message);
      (void)all_seen(static_cast<std::uint32_t>(calls.size() - 1), message, carried);
    }
    const std::uint32_t index = known != nullptr ? *known : static_cast<std::uint32_t>(calls.size() - 1);
    CallRecord& call = calls[index];
    if (begins && !signed_request) call.unsigned_try = message.cseq_number;
    if (begins) note_hop(call, event, signed_request ? carried : Carried::kNothing);
    const std::size_t first = call.identities.size();
    std::vector<IdentityRecord> judged = judge.judge(request);
    for (IdentityRecord& identity : judged) {
      // By an earlier request: what stands twice in this one is two.
      const bool listed =
          std::any_of(call.identities.begin(), call.identities.begin() + static_cast<std::ptrdiff_t>(first),
                      [&](const IdentityRecord& other) { return other.key == identity.key; });
      if (listed || call.identities.size() >= kMaxIdentities) continue;
      findings.take(call, identity, call.identities.size());
      call.identities.push_back(std::move(identity));
    }
    check_request_as_a_whole(findings, call, request, first);
  }

  // What was good for the first request is listed again when it is not for this one.
  void check_again(CallRecord& call, const dissect::SipEvent& event) {
    const Request request = read_request(event, options.country_code, sdp_parser);
    bool worse = false;
    for (IdentityRecord& identity : judge.judge(request)) {
      const bool known_bad = std::ranges::any_of(call.identities, [&](const IdentityRecord& other) {
        return other.key == identity.key && other.verdict == CallVerdict::kInvalid;
      });
      if (known_bad || identity.verdict != CallVerdict::kInvalid || call.identities.size() >= kMaxIdentities) continue;
      worse = true;
      findings.take(call, identity, call.identities.size());
      call.identities.push_back(std::move(identity));
    }
    if (worse) check_sent_again(findings, call, event);
  }

  void begin(const Request& request, const sip::MessageView& message) {
    CallRecord& call = calls.emplace_back();
    raw.emplace_back();
    call.call_id = request.call_id.substr(0, kMaxText);
    call.frame = request.frame;
    call.method = request.method_text;
    call.from = request.from.text;
    call.to = request.to.text;
    call.from_number = request.from.number;
    for (const Address& address : request.asserted) {
      if (!address.number.empty()) {
        call.from_number = address.number;
        break;
      }
    }
    call.to_number = request.to.number;
    call.target = text_key(message.request_uri);
    call.cseq = message.cseq_number;
    call.src = request.src;
    call.dst = request.dst;
    call.attestation_info = request.attestation;
    call.emergency = request.emergency;
    call.in_dialog = request.in_dialog;
    call.head_cut = !request.head_known;
    call.private_caller = request.private_caller;
    call.subscriber = devices.contains(call.src.address) || devices.contains(call.dst.address) ||
                      !message.header(HeaderId::kAuthorization).empty() ||
                      !message.header(HeaderId::kProxyAuthorization).empty();
    for (const Address& address : request.asserted) {
      if (call.verstat.empty()) call.verstat = address.verstat;
    }
    if (call.verstat.empty()) call.verstat = request.from.verstat;
    if (call.verstat.empty()) call.verstat = request.to.verstat;
  }

  // Whether each Identity value of the message was judged before: a retransmission, or the next hop.
  bool all_seen(std::uint32_t index, const sip::MessageView& message, Carried& carried) {
    bool all = true;
    for (const sip::Header& header : message.headers) {
      if (header.id != HeaderId::kIdentity) continue;
      const TextKey key = text_key(header.value);
      std::vector<TextKey>& seen = raw[index];
      if (std::ranges::find(seen, key) != seen.end()) {
        carried = Carried::kSame;
        continue;
      }
      all = false;
      if (seen.size() < kMaxIdentities) seen.push_back(key);
    }
    return all;
  }

  void note_hop(CallRecord& call, const dissect::SipEvent& event, Carried carried) {
    const std::pair<Endpoint, Endpoint> hop{event.src, event.dst};
    if (std::ranges::find(call.hops, hop) != call.hops.end()) return;
    if (call.hops.size() >= kMaxHops) return;
    call.hops.push_back(hop);
    // verstat is put in on the way, by the verifier.
    const auto verstat_of = [&](std::string_view value) {
      const Address address = read_address(value, options.country_code);
      if (call.verstat.empty()) call.verstat = address.verstat;
    };
    if (call.verstat.empty() &&
        event.message->header(HeaderId::kPAssertedIdentity).find("verstat") != std::string_view::npos) {
      verstat_of(event.message->header(HeaderId::kPAssertedIdentity));
    }
    if (call.verstat.empty() && event.message->from.find("verstat") != std::string_view::npos) {
      verstat_of(event.message->from);
    }
    // A customer's device has no use for it.
    if (carried == Carried::kSame || !devices.contains(event.dst.address)) {
      check_next_hop(findings, call, event, carried);
    }
  }

  void on_response(const dissect::SipEvent& event) {
    const sip::MessageView& message = *event.message;
    if (message.cseq_method == Method::kRegister && message.status / 100 == 2 && devices.size() < kMaxDevices) {
      devices.insert(event.dst.address);
    }
    const bool of_call = message.cseq_method == Method::kInvite || message.cseq_method == Method::kMessage ||
                         message.cseq_method == Method::kUpdate;
    if (!of_call || message.call_id.empty()) return;
    const std::uint32_t* known = by_call_id.find(text_key(message.call_id));
    if (known == nullptr) return;
    CallRecord& call = calls[*known];
    call.subscriber |= message.status == 401 || message.status == 407;
    std::string reason;
    for (const sip::Header& header : message.headers) {
      if (header.id != HeaderId::kReason || reason.size() > kMaxText) continue;
      reason += (reason.empty() ? "" : ", ") + sip::unfold(header.value);
    }
    if (message.status >= 200 && message.cseq_method != Method::kUpdate) call.final_status = message.status;
    if (message.status < 200 && reason.empty()) return;
    ResponseRecord response;
    response.code = message.status;
    response.has_reason_header = !reason.empty();
    response.to_unsigned = call.unsigned_try == message.cseq_number;
    response.reason = clip(reason.empty() ? std::string(message.reason) : reason, kMaxText);
    response.frame = event.frame;
    const bool known_already = std::ranges::any_of(call.responses, [&](const ResponseRecord& other) {
      return other.code == response.code && other.reason == response.reason;
    });
    if (!known_already && call.responses.size() < kMaxResponses) call.responses.push_back(std::move(response));
  }
};

StirAnalyzer::StirAnalyzer(const Options& options, Store& store, report::Sink& sink)
    : impl_(std::make_unique<Impl>(options, store, sink)) {}
StirAnalyzer::~StirAnalyzer() = default;

void StirAnalyzer::on_message(const dissect::SipEvent& event, const session::Call*) {
  if (event.message->is_request) {
    impl_->on_request(event);
  } else {
    impl_->on_response(event);
  }
}

void StirAnalyzer::on_call_end(session::Call& call) {
  const std::uint32_t* known = impl_->by_call_id.find(text_key(call.call_id));
  if (known == nullptr) return;
  CallRecord& record = impl_->calls[*known];
  record.ended = call.ended;
  for (const auto& [kind, key] : call.links) {
    if (kind != session::LinkKind::kHeuristic && record.links.size() < 16) record.links.push_back(key);
  }
}

void StirAnalyzer::add_bare(std::string_view text, const FrameRef& where) {
  text = trim(text);
  for (const std::string_view name : {"identity", "y"}) {
    if (!istarts_with(text, name)) continue;
    const std::string_view rest = trim(text.substr(name.size()));
    if (rest.starts_with(':')) text = trim(rest.substr(1));
  }
  CallRecord call;
  call.frame = where;
  const std::string unfolded = sip::unfold(text);
  for (const passport::IdentityValue& value : passport::parse_identity(unfolded)) {
    call.identities.push_back(impl_->judge.judge_value(value));
    call.identities.back().frame = where;
    impl_->findings.take(call, call.identities.back(), call.identities.size() - 1);
  }
  impl_->calls.push_back(std::move(call));
  impl_->raw.emplace_back();
}

std::shared_ptr<const report::Content> StirAnalyzer::finish() {
  std::vector<CallRecord>& calls = impl_->calls;
  std::ranges::stable_sort(calls, [](const CallRecord& a, const CallRecord& b) { return a.frame < b.frame; });
  impl_->by_call_id.clear();
  compare_calls(impl_->findings, calls);
  impl_->findings.flush();
  return std::make_shared<StirContent>(calls, impl_->store.share());
}

const std::vector<CallRecord>& StirAnalyzer::calls() const { return impl_->calls; }
std::uint64_t StirAnalyzer::dropped_calls() const { return impl_->dropped; }

std::vector<std::string> StirAnalyzer::certificate_urls() const {
  std::set<std::string> urls;
  for (const CallRecord& call : impl_->calls) {
    for (const IdentityRecord& identity : call.identities) {
      if (!identity.x5u.empty()) urls.insert(identity.x5u);
      for (const std::string& url : identity.more_urls) urls.insert(url);
    }
  }
  return {urls.begin(), urls.end()};
}

}  // namespace voip::analyze::stir
