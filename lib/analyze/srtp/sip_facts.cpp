#include "analyze/srtp/sip_facts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "proto/sip/fields.h"

namespace voip::analyze::srtp {

namespace {

using sip::HeaderId;
using sip::Method;

constexpr std::size_t kMaxCalls = 65536;
constexpr std::size_t kMaxSenders = 8;
constexpr std::size_t kMaxDigits = 256;

bool dtmf_char(char c) {
  return is_digit(c) || c == '*' || c == '#' || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'd');
}

// The digits of a body: "Signal=5\r\nDuration=160", "5", or KPML's digits="12".
std::string digits_of(std::string_view type, std::string_view body) {
  std::string found;
  std::string_view text;
  if (istarts_with(type, "application/dtmf-relay")) {
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t end = std::min(body.find('\n', at), body.size());
      const std::string_view line = trim(body.substr(at, end - at));
      if (istarts_with(line, "signal")) {
        if (const std::size_t equals = line.find('='); equals != std::string_view::npos)
          text = trim(line.substr(equals + 1));
        break;
      }
      at = end + 1;
    }
    // Some send the number of the event: 10 for *, 11 for #.
    if (text == "10") text = "*";
    if (text == "11") text = "#";
  } else if (istarts_with(type, "application/dtmf")) {
    text = trim(body);
  } else if (istarts_with(type, "application/kpml-response")) {
    const std::size_t at = body.find("digits=\"");
    if (at != std::string_view::npos)
      text = body.substr(at + 8, std::min<std::size_t>(body.find('"', at + 8), body.size()) - at - 8);
  }
  for (const char c : text.substr(0, 64)) {
    if (!dtmf_char(c)) break;
    found += c;
  }
  return found;
}

bool bare_transport(std::string_view transport) {
  return iequals(transport, "UDP") || iequals(transport, "TCP") || iequals(transport, "SCTP") ||
         iequals(transport, "WS");
}

bool loopback_host(std::string_view host) {
  if (iequals(host, "localhost")) return true;
  const auto address = IpAddress::parse(host);
  return address && address->loopback();
}

// The hop of a Via that is not the sender's own, when it is bare.
std::string bare_via(std::string_view value, const dissect::SipEvent& event) {
  const auto via = sip::parse_via(value);
  if (!via || !bare_transport(via->transport)) return {};
  const std::string_view host = via->received.empty() ? via->host : via->received;
  if (loopback_host(host) || loopback_host(via->host)) return {};
  if (const auto address = IpAddress::parse(host);
      address && (*address == event.src.address || *address == event.dst.address))
    return {};
  return fmt::format("{} {} (Via)", via->transport, host);
}

std::string bare_record_route(std::string_view value) {
  const auto route = sip::parse_name_addr(value);
  if (!route) return {};
  const auto uri = sip::parse_uri(route->uri);
  if (!uri || !iequals(uri->scheme, "sip") || loopback_host(uri->host)) return {};
  const auto transport = sip::parameter(uri->params, "transport");
  if (!transport || !bare_transport(*transport)) return {};
  return fmt::format("{} {} (Record-Route)", *transport, uri->host);
}

}  // namespace

CallSip* SipFacts::facts_of(const dissect::SipEvent& event) {
  const std::string_view call_id = event.message->call_id;
  if (call_id.empty()) return nullptr;
  const TextKey key = text_key(call_id);
  if (calls_.find(key) == nullptr && calls_.size() >= kMaxCalls) {
    ++left_out_;
    return nullptr;
  }
  bool made = false;
  auto& slot = calls_.at_or_new(key, &made);
  if (made) {
    slot = std::make_unique<CallSip>();
    slot->call_id = call_id;
    slot->first = event.frame;
  }
  return slot.get();
}

void SipFacts::take_digits(const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  const std::string digits = digits_of(message.content_type, message.body);
  if (digits.empty()) return;
  if (event.src.address.loopback() && event.dst.address.loopback()) return;
  CallSip* facts = facts_of(event);
  if (facts == nullptr) return;
  const std::pair seen{message.cseq_number, text_key(sip::tag_of(message.from))};
  const bool bare = !dissect::encrypted(event.signalling);
  if (std::ranges::find(facts->digits_seen, seen) != facts->digits_seen.end()) {
    // Over TLS first and then bare on the next hop: the bare one counts.
    for (SipDigits& known : facts->digits) known.encrypted = known.encrypted && !bare;
    return;
  }
  if (facts->digits_seen.size() < kMaxDigits) facts->digits_seen.push_back(seen);
  auto at =
      std::ranges::find_if(facts->digits, [&](const SipDigits& d) { return d.src == event.src && d.dst == event.dst; });
  if (at == facts->digits.end()) {
    if (facts->digits.size() >= kMaxSenders) return;
    SipDigits& sender = facts->digits.emplace_back();
    sender.src = event.src;
    sender.dst = event.dst;
    sender.how = message.method == Method::kNotify                              ? "KPML"
                 : istarts_with(message.content_type, "application/dtmf-relay") ? "INFO application/dtmf-relay"
                                                                                : "INFO application/dtmf";
    sender.encrypted = !bare;
    at = facts->digits.end() - 1;
  }
  for (const char digit : digits) {
    if (at->digits.size() < kMaxDigits) {
      at->digits.push_back({digit, event.frame});
    } else {
      ++at->more;
    }
  }
}

void SipFacts::take_route(const dissect::SipEvent& event) {
  CallSip* facts = facts_of(event);
  if (facts == nullptr) return;
  ++facts->keyed_over_tls;
  if (!facts->bare_hop.empty()) return;
  bool top = true;
  for (const sip::Header& header : event.message->headers) {
    if (header.id != HeaderId::kVia && header.id != HeaderId::kRecordRoute) continue;
    sip::for_each_value(header.value, [&](std::string_view value) {
      if (!facts->bare_hop.empty()) return;
      if (header.id == HeaderId::kRecordRoute) {
        facts->bare_hop = bare_record_route(value);
      } else if (top) {
        top = false;  // this hop's own
      } else {
        facts->bare_hop = bare_via(value, event);
      }
    });
  }
  if (!facts->bare_hop.empty()) facts->bare_hop_frame = event.frame;
}

std::string vendor_of(const sip::MessageView& message) {
  constexpr std::size_t kLongest = 24;
  std::string_view text = message.header(sip::HeaderId::kUserAgent);
  if (text.empty()) text = message.header(sip::HeaderId::kServer);
  std::string word;
  for (const char c : text.substr(0, kLongest)) {
    const char low = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (low < 'a' || low > 'z') break;
    word += low;
  }
  return word.size() < 3 ? std::string() : word;
}

void CallVendors::note(const dissect::SipEvent& event, const session::Call* call) {
  if (call == nullptr || event.message->status != 0 || event.message->method != Method::kInvite) return;
  std::uint16_t& known = calls_.at_or_new(call->serial);
  if (known != 0) return;
  std::string vendor = vendor_of(*event.message);
  if (vendor.empty()) return;
  auto at = std::ranges::find(names_, vendor);
  if (at == names_.end()) {
    if (names_.size() >= kMost) return;
    at = names_.insert(names_.end(), std::move(vendor));
  }
  known = static_cast<std::uint16_t>(at - names_.begin() + 1);
}

std::uint16_t CallVendors::take(std::uint64_t serial) {
  const std::uint16_t* known = calls_.find(serial);
  const std::uint16_t vendor = known != nullptr ? *known : std::uint16_t{0};
  calls_.erase(serial);
  return vendor;
}

void SipFacts::on_message(const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  switch (message.method) {
    case Method::kInfo:
    case Method::kNotify:
      if (message.is_request && !message.body.empty()) take_digits(event);
      return;
    case Method::kRefer:
      if (message.is_request) {
        if (CallSip* facts = facts_of(event)) facts->transferred = true;
      }
      return;
    case Method::kInvite: break;
    default:
      if (message.body.empty()) return;
      break;
  }
  if (message.method == Method::kInvite && message.is_request) {
    if (!message.header(HeaderId::kReplaces).empty()) {
      if (CallSip* facts = facts_of(event)) facts->transferred = true;
    }
    const auto recording = [&] {
      return message.header(HeaderId::kRequire).find("siprec") != std::string_view::npos ||
             message.contact.find("+sip.src") != std::string_view::npos ||
             (istarts_with(message.content_type, "multipart/") &&
              message.body.find("application/rs-metadata") != std::string_view::npos);
    };
    if (recording()) {
      CallSip* facts = facts_of(event);
      if (facts != nullptr && !facts->recording) {
        facts->recording = true;
        facts->recording_frame = event.frame;
      }
    }
  }
  if (!message.body.empty() && dissect::encrypted(event.signalling) &&
      message.body.find("a=crypto:") != std::string_view::npos)
    take_route(event);
}

std::unique_ptr<CallSip> SipFacts::take(std::string_view call_id) {
  if (calls_.size() == 0) return nullptr;
  const TextKey key = text_key(call_id);
  auto* slot = calls_.find(key);
  if (slot == nullptr) return nullptr;
  auto facts = std::move(*slot);
  calls_.erase(key);
  return facts;
}

std::vector<std::unique_ptr<CallSip>> SipFacts::take_rest() {
  std::vector<std::unique_ptr<CallSip>> rest;
  calls_.for_each([&](const TextKey&, auto& facts) {
    if (facts != nullptr) rest.push_back(std::move(facts));
  });
  calls_.clear();
  std::ranges::sort(rest, [](const auto& a, const auto& b) { return a->first < b->first; });
  return rest;
}

}  // namespace voip::analyze::srtp
