#include <algorithm>

#include "analyze/fraud/sources.h"

// Borders between two networks build a new request of each that comes in: another Call-ID, another address. Where they
// hand the credentials on, the digest response tells that both are one.

namespace voip::analyze::fraud {

namespace {

constexpr std::size_t kMaxFronts = 1024;
constexpr std::size_t kShortestResponse = 16;

// What follows response= in a field with credentials.
std::string_view digest_response(std::string_view field) {
  constexpr std::string_view kName = "response=";
  const std::size_t at = field.find(kName);
  if (at == std::string_view::npos) return {};
  field.remove_prefix(at + kName.size());
  if (field.starts_with('"')) field.remove_prefix(1);
  return field.substr(0, field.find_first_of("\", \t\r\n"));
}

bool at_once(Timestamp before, Timestamp after) {
  return before.known() && after.known() &&
         std::abs(after.ns - before.ns) <= std::chrono::nanoseconds{kForwardWithin}.count();
}

}  // namespace

void SourceBook::note_loan(const dissect::SipEvent& event) {
  std::string_view field = event.message->header(sip::HeaderId::kAuthorization);
  if (field.empty()) field = event.message->header(sip::HeaderId::kProxyAuthorization);
  const std::string_view response = digest_response(field);
  if (response.size() < kShortestResponse) return;
  bool made = false;
  Loan& loan = loans_.get(
      text_key(response), event.frame.time, [](const TextKey&, Loan&) {}, &made);
  if (made) {
    loan = {.client = event.src.address, .server = event.dst.address, .time = event.frame.time};
    return;
  }
  const bool onward = loan.client != event.src.address && loan.server != event.dst.address;
  if (!onward || !at_once(loan.time, event.frame.time)) return;
  if (fronts_.find(event.src.address) == nullptr && fronts_.size() >= kMaxFronts) return;
  std::array<IpAddress, 4>& fronts = fronts_.at_or_new(event.src.address);
  if (std::ranges::find(fronts, loan.server) != fronts.end()) return;
  const auto room = std::ranges::find(fronts, IpAddress{});
  if (room != fronts.end()) *room = loan.server;
}

bool SourceBook::borrowed(const session::Transaction& t) const {
  const session::Credentials* login = t.login();
  if (login == nullptr || login->response.size() < kShortestResponse) return false;
  auto& loans = const_cast<CappedTable<TextKey, Loan>&>(loans_);
  const Loan* loan = loans.find(text_key(login->response));
  return loan != nullptr && loan->client != t.client.address && loan->server != t.server.address &&
         at_once(loan->time, t.request.time);
}

}  // namespace voip::analyze::fraud
