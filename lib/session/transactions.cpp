#include "session/transactions.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "proto/sip/fields.h"

namespace voip::session {

namespace {

using sip::HeaderId;
using sip::Method;

constexpr std::chrono::seconds kGiveUp{32};         // 64 x T1
constexpr std::chrono::seconds kGiveUpInvite{180};  // timer C
constexpr std::size_t kMaxSpare = 4096;
constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxContacts = 32;
constexpr std::size_t kMaxCredentials = 4;
constexpr std::size_t kShapeHeaders = 32;

// Copies texts into storage that was reserved beforehand and never grows, so that views into it stay good.
class Keeper {
 public:
  Keeper(std::string& storage, std::size_t wanted) : storage_(storage) {
    storage_.clear();
    storage_.reserve(std::min(wanted, kMaxText) + 128);
  }
  std::string_view keep(std::string_view text, std::size_t cap = 256) {
    text = text.substr(0, std::min(cap, storage_.capacity() - storage_.size()));
    const std::size_t at = storage_.size();
    storage_.append(text);
    return std::string_view(storage_).substr(at);
  }

 private:
  std::string& storage_;
};

std::int64_t seconds_of(std::string_view text) {
  const auto number = parse_number<std::uint32_t>(trim(text));
  return number ? std::int64_t{*number} : -1;
}

// Scheme, user, host and port.
std::string_view plain_uri(std::string_view uri) {
  const std::size_t sign = uri.find('@');
  return uri.substr(0, uri.find_first_of(";?", sign == std::string_view::npos ? 0 : sign));
}

void keep_contacts(Keeper& keeper, std::string_view list, std::vector<ContactValue>& out) {
  sip::for_each_value(list, [&](std::string_view value) {
    value = trim(value);
    if (value.empty() || value == "*" || out.size() >= kMaxContacts) return;
    ContactValue contact;
    const auto parsed = sip::parse_name_addr(value);
    contact.uri = keeper.keep(parsed ? parsed->uri : value);
    contact.address = plain_uri(contact.uri);
    if (parsed) {
      contact.expires = seconds_of(sip::parameter(parsed->params, "expires").value_or(""));
      contact.instance = keeper.keep(sip::parameter(parsed->params, "+sip.instance").value_or(""), 128);
      contact.reg_id = keeper.keep(sip::parameter(parsed->params, "reg-id").value_or(""), 16);
      contact.received = keeper.keep(sip::parameter(parsed->params, "received").value_or(""), 128);
      contact.push = parsed->uri.find("pn-p") != std::string_view::npos;  // RFC 8599: pn-provider, pn-prid, pn-param
    }
    out.push_back(contact);
  });
}

void keep_credentials(Keeper& keeper, std::string_view value, bool proxy, std::vector<Credentials>& out) {
  if (out.size() >= kMaxCredentials) return;
  const auto parsed = sip::parse_authorization(value);
  Credentials one;
  one.proxy = proxy;
  if (!parsed) {
    one.scheme = keeper.keep(value.substr(0, value.find_first_of(" \t")), 32);
    out.push_back(one);
    return;
  }
  one.scheme = keeper.keep(parsed->scheme, 32);
  one.username = keeper.keep(parsed->username, 128);
  one.realm = keeper.keep(parsed->realm, 128);
  one.nonce = keeper.keep(parsed->nonce);
  one.uri = keeper.keep(parsed->uri);
  one.response = keeper.keep(parsed->response, 128);
  one.cnonce = keeper.keep(parsed->cnonce, 128);
  one.nc = keeper.keep(parsed->nc, 16);
  one.qop = keeper.keep(parsed->qop, 32);
  one.algorithm = keeper.keep(parsed->algorithm, 32);
  one.opaque = keeper.keep(parsed->opaque, 128);
  out.push_back(one);
}

void keep_challenge(Keeper& keeper, std::string_view value, bool proxy, std::vector<Challenge>& out) {
  if (out.size() >= kMaxCredentials) return;
  const auto parsed = sip::parse_authorization(value);
  if (!parsed) return;
  Challenge one;
  one.proxy = proxy;
  one.stale = iequals(parsed->stale, "true");
  one.scheme = keeper.keep(parsed->scheme, 32);
  one.realm = keeper.keep(parsed->realm, 128);
  one.nonce = keeper.keep(parsed->nonce);
  one.qop = keeper.keep(parsed->qop, 64);
  one.algorithm = keeper.keep(parsed->algorithm, 32);
  one.opaque = keeper.keep(parsed->opaque, 128);
  out.push_back(one);
}

// FNV-1a over the names as written. Credentials come and go from one request to the next: left out.
std::uint64_t shape_of(const sip::MessageView& message) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  std::size_t taken = 0;
  std::string_view last;
  for (const sip::Header& header : message.headers) {
    if (header.id == HeaderId::kAuthorization || header.id == HeaderId::kProxyAuthorization || header.name == last) {
      continue;
    }
    if (++taken > kShapeHeaders) break;
    last = header.name;
    for (const char c : header.name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
    hash = (hash ^ '\n') * 0x100000001b3U;
  }
  return hash;
}

// What makes two requests with the same identifiers the same request sent again.
std::uint64_t digest_of(const sip::MessageView& message) {
  std::uint64_t digest = 0;
  const auto mix = [&](std::string_view text) {
    digest = fold(digest ^ kHashSeeds.first, (text.empty() ? 1 : hash_bytes(as_bytes(text))) ^ kHashSeeds.second);
  };
  mix(message.method_text);
  mix(message.request_uri);
  mix(message.from);
  mix(message.to);
  mix(message.header(HeaderId::kAuthorization));
  mix(message.header(HeaderId::kProxyAuthorization));
  mix(message.body);
  return digest;
}

}  // namespace

Transactions::Transactions(const Limits& limits, Observer& observer)
    : observer_(observer),
      registrations_(observer),
      live_(limits.transactions),
      invites_(limits.transactions),
      told_(limits.transactions) {}

Transactions::Keys Transactions::keys_of(const sip::MessageView& message, const Endpoint& client,
                                         const Endpoint& server, std::string_view method) {
  const auto via = sip::parse_via(message.via);
  scratch_.clear();
  const auto add = [&](std::string_view text) {
    scratch_.append(text.substr(0, 512));
    scratch_.push_back('\n');
  };
  if (via) {
    add(via->branch);
    for (const char c : via->host.substr(0, 512)) scratch_.push_back(ascii_lower(c));
    scratch_.push_back('\n');
    scratch_.push_back(static_cast<char>(via->port >> 8));
    scratch_.push_back(static_cast<char>(via->port & 0xff));
    if (!via->branch.starts_with("z9hG4bK")) add(sip::tag_of(message.from));
  } else {
    add(message.via);
    add(message.from);
  }
  add(method);
  add(message.call_id);
  const std::string_view cseq = trim(message.cseq);
  add(cseq.substr(0, cseq.find_first_of(" \t")));
  scratch_.append(as_text(client.address.bytes()));
  scratch_.append(as_text(server.address.bytes()));
  Keys keys;
  keys.plain = text_key(scratch_);
  // The ports on top of that: no second look at the texts.
  std::uint64_t ports = 0;
  for (const Endpoint* end : {&client, &server}) ports = ports << 16 | end->port();
  keys.by_socket = {fold(keys.plain.low ^ kHashSeeds.first, ports ^ kHashSeeds.second),
                    fold(keys.plain.high ^ kHashSeeds.second, ports ^ kHashSeeds.first)};
  return keys;
}

Transactions::Live* Transactions::find(Table& table, const Keys& keys, const Endpoint& client, const Endpoint& server,
                                       TextKey& key) {
  key = keys.plain;
  Live* live = table.find(keys.plain);
  if (live != nullptr && live->transaction->client == client && live->transaction->server == server) return live;
  if (Live* other = table.find(keys.by_socket)) {
    key = keys.by_socket;
    return other;
  }
  return live;
}

Transactions::Live& Transactions::open(Table& table, const TextKey& key) {
  Live& live = table.get(key, now_, [this](const TextKey&, Live& old) { give_up(old); });
  if (spare_.empty()) {
    live.transaction = std::make_unique<Transaction>();
  } else {
    live.transaction = std::move(spare_.back());
    spare_.pop_back();
  }
  return live;
}

void Transactions::recycle(Live& live) {
  if (spare_.size() < kMaxSpare) {
    // As new, but with the storage kept.
    Transaction fresh;
    Transaction& used = *live.transaction;
    const auto keep = [](auto& to, auto& from) {
      from.clear();
      to = std::move(from);
    };
    keep(fresh.contacts, used.contacts);
    keep(fresh.credentials, used.credentials);
    keep(fresh.answer_contacts, used.answer_contacts);
    keep(fresh.challenges, used.challenges);
    keep(fresh.request_text_, used.request_text_);
    keep(fresh.answer_text_, used.answer_text_);
    used = std::move(fresh);
    spare_.push_back(std::move(live.transaction));
  }
  live.transaction.reset();
}

void Transactions::tell(Live& live, const Call* call) {
  Transaction& transaction = *live.transaction;
  transaction.call = call;
  observer_.on_transaction(transaction);
  if (transaction.method == Method::kRegister && transaction.success()) registrations_.take(transaction);
}

void Transactions::give_up(Live& live) {
  if (live.request_seen) tell(live, nullptr);
  recycle(live);
}

void Transactions::take(const dissect::SipEvent& event, const Call* call) {
  if (event.frame.time.known() && (!now_.known() || event.frame.time > now_)) now_ = event.frame.time;
  if (event.message->is_request) {
    on_request(event);
  } else {
    on_response(event, call);
  }
}

void Transactions::on_request(const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  if (message.method == Method::kAck) return;
  const Keys keys = keys_of(message, event.src, event.dst, message.method_text);
  if (message.method == Method::kCancel) {
    const Keys invite = keys_of(message, event.src, event.dst, "INVITE");
    TextKey key;
    if (Live* live = find(invites_, invite, event.src, event.dst, key)) live->transaction->cancelled = true;
  }
  Table& table = table_of(message.method_text);
  const std::uint64_t digest = digest_of(message);
  TextKey key;
  Live* live = find(table, keys, event.src, event.dst, key);
  const bool same_sockets =
      live != nullptr && live->transaction->client == event.src && live->transaction->server == event.dst;
  if (live != nullptr && live->request_seen && !same_sockets) {
    live = nullptr;
    key = keys.by_socket;
  }
  if (live != nullptr && live->request_seen) {
    if (live->digest == digest) {
      ++live->transaction->retransmissions;
      table.touch(key, now_);
      return;
    }
    // The same identifiers for another request.
    table.erase(key, [this](const TextKey&, Live& old) { give_up(old); });
    live = nullptr;
  } else if (live == nullptr) {
    if (const std::uint64_t* old = told_.find(keys.by_socket); old != nullptr && *old == digest) {
      told_.touch(keys.by_socket, now_);
      return;
    }
  }
  if (live == nullptr) {
    live = &open(table, key);
    live->transaction->client = event.src;
    live->transaction->server = event.dst;
  }
  Transaction& transaction = *live->transaction;
  live->request_seen = true;
  live->digest = digest;
  transaction.serial = next_serial_++;
  fill_request(transaction, event);
  if (transaction.status != 0) {  // its answer was stamped earlier
    told_.get(keys.by_socket, now_, [](const TextKey&, std::uint64_t&) {}) = digest;
    tell(*live, nullptr);
    table.erase(key, [this](const TextKey&, Live& done) { recycle(done); });
  }
}

void Transactions::on_response(const dissect::SipEvent& event, const Call* call) {
  const sip::MessageView& message = *event.message;
  const Keys keys = keys_of(message, event.dst, event.src, message.method_text);
  Table& table = table_of(message.method_text);
  TextKey key;
  Live* live = find(table, keys, event.dst, event.src, key);
  if (live == nullptr) {
    if (message.status < 200 || told_.find(keys.by_socket) != nullptr) return;
    // Perhaps its request was stamped later.
    live = &open(table, key);
    live->transaction->client = event.dst;
    live->transaction->server = event.src;
  }
  Transaction& transaction = *live->transaction;
  transaction.on_wire |= event.provenance == net::Provenance::kWire;
  transaction.truncated |= event.truncated;
  ++transaction.answers;
  if (message.status < 200) {
    if (!transaction.provisional.known()) transaction.provisional = event.frame;
    if (message.status > 100 && !transaction.ringing.known()) {
      transaction.ringing = event.frame;
      transaction.ringing_status = message.status;
    }
    table.touch(key, now_);
    return;
  }
  if (transaction.status != 0) return;
  fill_answer(transaction, event);
  if (!live->request_seen) return;
  told_.get(keys.by_socket, now_, [](const TextKey&, std::uint64_t&) {}) = live->digest;
  tell(*live, call);
  table.erase(key, [this](const TextKey&, Live& done) { recycle(done); });
}

void Transactions::fill_request(Transaction& to, const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  Keeper keeper(to.request_text_, event.raw.size());
  to.request = event.frame;
  to.signalling = event.signalling;
  to.on_wire |= event.provenance == net::Provenance::kWire;
  to.truncated |= event.truncated;
  to.bytes = event.raw.size();
  to.method = message.method;
  to.cseq = message.cseq_number;
  to.method_text = keeper.keep(message.method_text, 32);
  to.request_uri = keeper.keep(message.request_uri);
  to.call_id = keeper.keep(message.call_id);
  const auto address = [&](std::string_view value, std::string_view& display, std::string_view& uri,
                           std::string_view& tag) {
    if (const auto parsed = sip::parse_name_addr(value)) {
      display = keeper.keep(parsed->display, 128);
      uri = keeper.keep(parsed->uri);
    } else {
      uri = keeper.keep(trim(value));
    }
    tag = keeper.keep(sip::tag_of(value), 256);
  };
  address(message.from, to.from_display, to.from_uri, to.from_tag);
  address(message.to, to.to_display, to.to_uri, to.to_tag);
  to.in_dialog = !to.to_tag.empty();
  if (const auto via = sip::parse_via(message.via)) {
    to.branch = keeper.keep(via->branch, 128);
    // As sent: the host with its brackets, and ":port" where there is one.
    std::size_t begin = static_cast<std::size_t>(via->host.data() - message.via.data());
    const std::size_t end = begin + via->host.size();
    if (begin > 0 && message.via[begin - 1] == '[') --begin;
    to.sent_by = keeper.keep(message.via.substr(begin, message.via.find_first_of("; \t\r\n,", end) - begin), 128);
  }
  to.user_agent = keeper.keep(message.user_agent);
  to.body_type = keeper.keep(message.content_type, 64);
  to.body_bytes = message.body.size();
  to.anomalies = message.anomalies;
  to.shape = shape_of(message);
  const auto once = [&](std::string_view& field, std::string_view value, std::size_t cap = 256) {
    if (field.empty()) field = keeper.keep(value, cap);
  };
  std::string_view last_via;
  for (const sip::Header& header : message.headers) {
    switch (header.id) {
      case HeaderId::kVia:
        ++to.vias;
        last_via = header.value;
        break;
      case HeaderId::kContact:
        if (trim(header.value) == "*") to.contact_star = true;
        keep_contacts(keeper, header.value, to.contacts);
        break;
      case HeaderId::kAuthorization: keep_credentials(keeper, header.value, false, to.credentials); break;
      case HeaderId::kProxyAuthorization: keep_credentials(keeper, header.value, true, to.credentials); break;
      case HeaderId::kMaxForwards:
        if (const auto hops = parse_number<std::uint8_t>(header.value)) to.max_forwards = *hops;
        break;
      case HeaderId::kExpires: to.expires = seconds_of(header.value); break;
      case HeaderId::kRecordRoute: to.has_record_route = true; break;
      case HeaderId::kAllow: to.has_allow = true; break;
      case HeaderId::kPAssertedIdentity: once(to.asserted_identity, header.value); break;
      case HeaderId::kPrivacy: once(to.privacy, header.value, 64); break;
      case HeaderId::kHistoryInfo:  // RFC 7044
        once(to.history_info, header.value);
        to.retargeted |= header.value.find("cause=") != std::string_view::npos ||
                         header.value.find("cause%3") != std::string_view::npos ||
                         header.value.find("index=1.1") != std::string_view::npos;
        break;
      case HeaderId::kIdentity:  // RFC 8946
        to.retargeted |= header.value.find("ppt=div") != std::string_view::npos ||
                         header.value.find("ppt=\"div\"") != std::string_view::npos;
        break;
      case HeaderId::kDiversion: once(to.diversion, header.value); break;
      case HeaderId::kReferTo: once(to.refer_to, header.value); break;
      case HeaderId::kReferredBy: once(to.referred_by, header.value); break;
      case HeaderId::kReason: once(to.reason_header, header.value, 128); break;
      case HeaderId::kSubject: once(to.subject, header.value, 128); break;
      case HeaderId::kEvent: once(to.event_header, header.value, 64); break;
      case HeaderId::kPath: once(to.path, header.value); break;
      case HeaderId::kAccept: once(to.accept, header.value, 128); break;
      default: break;
    }
  }
  if (to.vias > 1) {
    if (const auto via = sip::parse_via(last_via)) {
      to.origin = keeper.keep(via->received.empty() ? via->host : via->received, 64);
    }
  }
}

void Transactions::fill_answer(Transaction& to, const dissect::SipEvent& event) {
  const sip::MessageView& message = *event.message;
  Keeper keeper(to.answer_text_, event.raw.size());
  to.final = event.frame;
  to.status = message.status;
  to.answer_bytes = event.raw.size();
  to.reason = keeper.keep(message.reason, 128);
  to.server_name = keeper.keep(message.header(HeaderId::kServer));
  if (to.server_name.empty()) to.server_name = keeper.keep(message.user_agent);
  to.answer_to_tag = keeper.keep(sip::tag_of(message.to), 128);
  for (const sip::Header& header : message.headers) {
    switch (header.id) {
      case HeaderId::kContact: keep_contacts(keeper, header.value, to.answer_contacts); break;
      case HeaderId::kWwwAuthenticate: keep_challenge(keeper, header.value, false, to.challenges); break;
      case HeaderId::kProxyAuthenticate: keep_challenge(keeper, header.value, true, to.challenges); break;
      case HeaderId::kExpires: to.answer_expires = seconds_of(header.value); break;
      case HeaderId::kWarning:
        if (to.warning.empty()) to.warning = keeper.keep(header.value, 128);
        break;
      default: break;
    }
  }
}

void Transactions::advance(Timestamp now) {
  if (!now.known() || (now_.known() && now < now_)) return;
  now_ = now;
  if (next_sweep_.known() && now < next_sweep_) return;
  next_sweep_ = now + std::chrono::seconds{1};
  live_.expire(now, kGiveUp, [this](const TextKey&, Live& live) { give_up(live); });
  invites_.expire(now, kGiveUpInvite, [this](const TextKey&, Live& live) { give_up(live); });
  told_.expire(now, kGiveUp, [](const TextKey&, std::uint64_t&) {});
}

void Transactions::finish() {
  std::vector<Live> rest;
  const auto take = [&](const TextKey&, Live& live) { rest.push_back(std::move(live)); };
  live_.drain(take);
  invites_.drain(take);
  std::ranges::sort(rest, {}, [](const Live& live) { return live.transaction->serial; });
  for (Live& live : rest) give_up(live);
  registrations_.finish(now_);
}

}  // namespace voip::session
