#include "session/registrations.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "session/observer.h"

namespace voip::session {

namespace {

using Kind = RegistrationChange::Kind;

constexpr std::size_t kMaxRecords = 1U << 17;
constexpr std::size_t kMaxBindings = 32;
constexpr std::int64_t kDefaultExpires = 3600;  // RFC 3261 section 10.2

// Host in lower case; the user part is case-sensitive.
std::string normal(std::string_view address) {
  std::string text(address);
  const std::size_t sign = text.find('@');
  for (std::size_t i = sign == std::string::npos ? 0 : sign; i < text.size(); ++i) text[i] = ascii_lower(text[i]);
  return text;
}

auto find(std::vector<Binding>& bindings, const std::string& contact) {
  return std::ranges::find(bindings, contact, &Binding::contact);
}

}  // namespace

// A contact of the request.
struct Registrations::Wish {
  std::string contact;
  const ContactValue* value;
  std::int64_t expires;  // 0: to remove
  bool met = false;      // by a contact that the registrar lists
};

// A contact as the registrar lists it. wish: that it fulfils; null: none of this request's.
struct Registrations::Listed {
  std::string contact;
  std::int64_t expires;
  const Wish* wish;
};

std::string address_of_record(std::string_view uri) {
  const std::string_view user = user_of(uri);
  const std::string host = to_lower(host_of(uri));
  return user.empty() ? host : std::string(user) + "@" + host;
}

Registrations::Registrations(Observer& observer) : observer_(observer), records_(kMaxRecords) {}

void Registrations::tell(Kind kind, const Record& record, const Binding& binding, const Binding* previous,
                         const Transaction* transaction) {
  RegistrationChange change;
  change.kind = kind;
  change.aor = &record.aor;
  change.registrar = record.registrar;
  change.binding = binding;
  if (previous != nullptr) change.previous = *previous;
  change.bindings = record.bindings.size();
  change.transaction = transaction;
  change.frame = transaction != nullptr ? transaction->request : binding.last;
  change.time = transaction != nullptr ? transaction->final.time : binding.expires;
  observer_.on_registration(change);
}

void Registrations::expire(Record& record, Timestamp now) {
  for (std::size_t i = 0; i < record.bindings.size();) {
    const Timestamp end = record.bindings[i].expires;
    if (!end.known() || !now.known() || end > now) {
      ++i;
      continue;
    }
    const Binding gone = std::move(record.bindings[i]);
    record.bindings.erase(record.bindings.begin() + static_cast<std::ptrdiff_t>(i));
    tell(Kind::kExpired, record, gone, nullptr, nullptr);
  }
}

std::vector<Registrations::Wish> Registrations::wishes_of(const Transaction& transaction) {
  std::vector<Wish> wishes;
  for (const ContactValue& contact : transaction.contacts) {
    const std::int64_t expires = contact.expires >= 0              ? contact.expires
                                 : transaction.expires >= 0        ? transaction.expires
                                 : transaction.answer_expires >= 0 ? transaction.answer_expires
                                                                   : kDefaultExpires;
    wishes.push_back({normal(contact.address), &contact, expires});
  }
  return wishes;
}

// Takes out what the request asks to remove. star: all.
std::vector<Binding> Registrations::remove_asked(std::vector<Binding>& known, const std::vector<Wish>& wishes,
                                                 bool star) {
  std::vector<Binding> removed;
  if (star) std::swap(removed, known);
  for (const Wish& wish : wishes) {
    if (wish.expires != 0) continue;
    if (const auto at = find(known, wish.contact); at != known.end()) {
      removed.push_back(std::move(*at));
      known.erase(at);
    } else if (!star) {
      Binding unseen;  // it was there before the capture, or never
      unseen.contact = wish.contact;
      removed.push_back(std::move(unseen));
    }
  }
  return removed;
}

std::vector<Registrations::Listed> Registrations::listed_by_registrar(const Transaction& transaction,
                                                                      std::vector<Wish>& wishes,
                                                                      std::vector<Binding>& known) {
  std::vector<Listed> listed;
  for (const ContactValue& contact : transaction.answer_contacts) {
    const std::int64_t expires = contact.expires >= 0 ? contact.expires : transaction.answer_expires;
    if (expires == 0) continue;
    Listed one{normal(contact.address), expires, nullptr};
    const auto wish = std::ranges::find_if(
        wishes, [&](const Wish& w) { return w.expires != 0 && !w.met && w.contact == one.contact; });
    if (wish != wishes.end()) {
      wish->met = true;
      one.wish = &*wish;
    }
    listed.push_back(std::move(one));
  }
  // A registrar may write the contact otherwise than it was asked (NAT): then the sender's known one, else a new one.
  for (Wish& wish : wishes) {
    if (wish.expires == 0 || wish.met) continue;
    Listed* best = nullptr;
    for (Listed& one : listed) {
      if (one.wish != nullptr) continue;
      const auto at = find(known, one.contact);
      if (at != known.end() && at->source.address == transaction.client.address) {
        best = &one;
        break;
      }
      if (at == known.end() && best == nullptr) best = &one;
    }
    if (best == nullptr) continue;
    best->wish = &wish;
    wish.met = true;
  }
  return listed;
}

std::vector<Registrations::Listed> Registrations::listed_as_wished(const std::vector<Wish>& wishes) {
  std::vector<Listed> listed;
  for (const Wish& wish : wishes) {
    if (wish.expires != 0) listed.push_back({wish.contact, wish.expires, &wish});
  }
  return listed;
}

// Takes out what the registrar no longer lists.
std::vector<Binding> Registrations::remove_unlisted(std::vector<Binding>& known, const std::vector<Listed>& listed) {
  const auto gone = std::stable_partition(known.begin(), known.end(), [&](const Binding& binding) {
    return std::ranges::find(listed, binding.contact, &Listed::contact) != listed.end();
  });
  std::vector<Binding> removed(std::make_move_iterator(gone), std::make_move_iterator(known.end()));
  known.erase(gone, known.end());
  return removed;
}

void Registrations::take(const Transaction& transaction) {
  const std::string aor = address_of_record(transaction.to_uri);
  if (aor.empty()) return;
  const Timestamp now = transaction.final.time;
  const auto& server = transaction.server.address.bytes();
  Record& record = records_.get(text_key(aor, {reinterpret_cast<const char*>(server.data()), server.size()}), now,
                                [](const TextKey&, Record&) {});
  if (record.aor.empty()) {
    record.aor = aor;
    record.registrar = transaction.server;
  }
  expire(record, now);
  std::vector<Wish> wishes = wishes_of(transaction);
  const std::vector<Binding> removed = remove_asked(record.bindings, wishes, transaction.contact_star);
  // What the registrar lists now. Where it lists nothing, the request's word is all there is.
  const bool lists = !transaction.answer_contacts.empty() || wishes.empty();
  const std::vector<Listed> listed =
      lists ? listed_by_registrar(transaction, wishes, record.bindings) : listed_as_wished(wishes);
  const std::vector<Binding> gone = lists ? remove_unlisted(record.bindings, listed) : std::vector<Binding>{};
  for (const Binding& binding : removed) tell(Kind::kRemoved, record, binding, nullptr, &transaction);
  std::size_t replaced = 0;
  for (const Listed& one : listed) bind(record, one, transaction, gone, replaced);
  for (; replaced < gone.size(); ++replaced) tell(Kind::kRemoved, record, gone[replaced], nullptr, &transaction);
}

void Registrations::bind(Record& record, const Listed& one, const Transaction& transaction,
                         const std::vector<Binding>& gone, std::size_t& replaced) {
  const Timestamp now = transaction.final.time;
  auto at = find(record.bindings, one.contact);
  const bool is_new = at == record.bindings.end();
  if (is_new) {
    if (record.bindings.size() >= kMaxBindings) return;
    record.bindings.emplace_back();
    at = record.bindings.end() - 1;
    at->contact = one.contact;
    at->since = now;
    at->last = transaction.final;
  }
  const Binding before = *at;
  std::int64_t expires = one.expires;
  if (expires < 0 && one.wish != nullptr) expires = one.wish->expires;
  at->expires = expires >= 0 && now.known() ? now + std::chrono::seconds{expires} : Timestamp{};
  if (one.wish == nullptr) {
    if (is_new) tell(Kind::kRevealed, record, *at, nullptr, &transaction);
    return;
  }
  at->instance = one.wish->value->instance;
  at->reg_id = one.wish->value->reg_id;
  at->push = one.wish->value->push;
  at->user_agent = transaction.user_agent;
  at->path = transaction.path;
  at->source = transaction.client;
  at->authenticated = !transaction.credentials.empty();
  at->last = transaction.request;
  if (!is_new) {
    ++at->refreshes;
    tell(Kind::kRefreshed, record, *at, &before, &transaction);
  } else if (replaced < gone.size()) {
    tell(Kind::kReplaced, record, *at, &gone[replaced++], &transaction);
  } else {
    tell(Kind::kAdded, record, *at, nullptr, &transaction);
  }
}

void Registrations::finish(Timestamp end) {
  std::vector<Record> all;
  records_.drain([&](const TextKey&, Record& record) { all.push_back(std::move(record)); });
  std::ranges::sort(
      all, [](const Record& a, const Record& b) { return a.aor != b.aor ? a.aor < b.aor : a.registrar < b.registrar; });
  for (Record& record : all) expire(record, end);
}

}  // namespace voip::session
