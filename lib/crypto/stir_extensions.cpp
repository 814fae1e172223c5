#include "crypto/stir_extensions.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/x509_der.h"

namespace voip::crypto {

namespace {

constexpr std::size_t kMaxEntries = 65536;
constexpr std::size_t kMaxDigits = 15;
constexpr std::size_t kMaxConstraints = 256;

bool all_digits(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

// RFC 8226 section 9, TelephoneNumber.
bool is_telephone_number(std::string_view text) {
  return !text.empty() && text.size() <= kMaxDigits &&
         std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '#' || c == '*'; });
}

bool is_printable_ascii(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// RFC 3629: no overlong forms, no surrogates.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const std::uint8_t lead = byte(i);
    const std::size_t more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : (lead & 0xf0) == 0xe0 ? 2 : 3;
    if (more == 3 && (lead < 0xf0 || lead > 0xf4)) return false;
    if (text.size() - i <= more) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    if (more >= 2) {
      const std::uint8_t second = byte(i + 1);
      if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
          (lead == 0xf4 && second > 0x8f)) {
        return false;
      }
    }
    i += more + 1;
  }
  return true;
}

std::uint64_t value_of(std::string_view digits) { return parse_number<std::uint64_t>(digits).value_or(0); }

std::uint64_t largest_of(std::size_t digits) {
  std::uint64_t value = 1;
  for (std::size_t i = 0; i < digits; ++i) value *= 10;
  return value - 1;
}

ParseError malformed(std::size_t offset, const char* field, Malformed kind = Malformed::kBadSyntax) {
  return ParseError{kind, offset, field};
}

bool contains(const std::vector<std::string>& sorted, std::string_view value) {
  const auto at = std::ranges::lower_bound(sorted, value, std::ranges::less{},
                                           [](const std::string& s) { return std::string_view{s}; });
  return at != sorted.end() && *at == value;
}

std::vector<std::string> sorted_copy(std::vector<std::string> values) {
  std::ranges::sort(values);
  return values;
}

}  // namespace

std::string to_string(const TnEntry& entry) {
  return entry.kind == TnEntry::Kind::kRange ? entry.text + "+" + std::to_string(entry.count) : entry.text;
}

Parsed<TnAuthList> TnAuthList::parse(ByteView der) {
  DerCursor outer{der};
  DerCursor list{outer.expect(kDerSequence)};
  if (!outer.ok() || !outer.at_end()) return malformed(outer.offset(), "tnauthlist");
  TnAuthList result;
  while (!list.at_end()) {
    const std::size_t offset = list.offset();
    if (result.entries_.size() == kMaxEntries) return malformed(offset, "tnauthlist.entries", Malformed::kTooMany);
    std::uint8_t tag = 0;
    DerCursor choice{list.any(tag)};
    TnEntry entry;
    if (!list.ok()) return malformed(offset, "tnauthlist.entry");
    if (tag == der_context(0)) {
      entry.kind = TnEntry::Kind::kSpc;
      entry.text = as_text(choice.expect(kDerIa5));
      if (!choice.ok() || !is_printable_ascii(entry.text)) return malformed(offset, "tnauthlist.spc");
    } else if (tag == der_context(1)) {
      entry.kind = TnEntry::Kind::kRange;
      DerCursor range{choice.expect(kDerSequence)};
      entry.text = as_text(range.expect(kDerIa5));
      // Fields after the count are room for later versions.
      entry.count = range.number().value_or(0);
      if (!choice.ok() || !range.ok()) return malformed(offset, "tnauthlist.range");
      if (!is_telephone_number(entry.text) || !all_digits(entry.text)) {
        return malformed(offset, "tnauthlist.range.start", Malformed::kBadValue);
      }
      const std::uint64_t largest = largest_of(entry.text.size());
      if (entry.count < 2 || entry.count - 1 > largest - value_of(entry.text)) {
        return malformed(offset, "tnauthlist.range.count", Malformed::kBadValue);
      }
    } else if (tag == der_context(2)) {
      entry.kind = TnEntry::Kind::kOne;
      entry.text = as_text(choice.expect(kDerIa5));
      if (!choice.ok()) return malformed(offset, "tnauthlist.one");
      if (!is_telephone_number(entry.text)) return malformed(offset, "tnauthlist.one", Malformed::kBadValue);
    } else {
      return malformed(offset, "tnauthlist.entry", Malformed::kUnsupported);
    }
    if (!choice.at_end()) return malformed(offset, "tnauthlist.entry", Malformed::kBadLength);
    result.entries_.push_back(std::move(entry));
  }
  if (result.entries_.empty()) return malformed(0, "tnauthlist.entries", Malformed::kMissing);
  result.index();
  return result;
}

void TnAuthList::index() {
  std::vector<Interval> all;
  std::vector<std::string> seen_spcs;
  for (const TnEntry& entry : entries_) {
    if (entry.kind == TnEntry::Kind::kSpc) {
      seen_spcs.push_back(entry.text);
    } else if (!all_digits(entry.text)) {
      symbols_.push_back(entry.text);
    } else {
      const std::uint64_t first = value_of(entry.text);
      all.push_back({entry.text.size(), first, first + entry.count - 1});
    }
    if (entry.kind != TnEntry::Kind::kSpc) numbers_ = true;
  }
  std::ranges::sort(symbols_);
  spcs_ = sorted_copy(std::move(seen_spcs));
  spcs_.erase(std::unique(spcs_.begin(), spcs_.end()), spcs_.end());
  std::ranges::sort(all);
  for (const Interval& next : all) {
    if (!intervals_.empty() && intervals_.back().digits == next.digits && next.first <= intervals_.back().last + 1) {
      intervals_.back().last = std::max(intervals_.back().last, next.last);
    } else {
      intervals_.push_back(next);
    }
  }
}

bool TnAuthList::within(const Interval& wanted) const {
  // The last interval that begins at or before the wanted one.
  auto at = std::ranges::upper_bound(intervals_, Interval{wanted.digits, wanted.first, ~std::uint64_t{0}});
  if (at == intervals_.begin()) return false;
  --at;
  return at->digits == wanted.digits && at->first <= wanted.first && wanted.last <= at->last;
}

bool TnAuthList::names(std::string_view number) const {
  if (!is_telephone_number(number)) return false;
  if (!all_digits(number)) return contains(symbols_, number);
  const std::uint64_t value = value_of(number);
  return within({number.size(), value, value});
}

bool TnAuthList::encompasses(const TnAuthList& child) const {
  const bool codes = std::ranges::all_of(child.spcs_, [&](const std::string& spc) { return contains(spcs_, spc); });
  if (!codes) return false;
  if (has_spc()) return true;
  return std::ranges::all_of(child.intervals_, [&](const Interval& interval) { return within(interval); }) &&
         std::ranges::all_of(child.symbols_, [&](const std::string& number) { return contains(symbols_, number); });
}

namespace {

// [tag] EXPLICIT JWTClaimNames; nothing when it is not there.
bool read_names(DerCursor& in, std::uint8_t tag, std::vector<std::string>& names) {
  if (!in.next_is(tag)) return true;
  DerCursor explicitly{in.expect(tag)};
  DerCursor list{explicitly.expect(kDerSequence)};
  if (!in.ok() || !explicitly.ok() || !explicitly.at_end()) return false;
  while (!list.at_end()) {
    names.emplace_back(as_text(list.expect(kDerIa5)));
    if (!list.ok() || !is_printable_ascii(names.back()) || names.size() > kMaxConstraints) return false;
  }
  return !names.empty();
}

bool read_permitted(DerCursor& in, std::vector<ClaimConstraints::Permitted>& permitted) {
  if (!in.next_is(der_context(1))) return true;
  DerCursor explicitly{in.expect(der_context(1))};
  DerCursor list{explicitly.expect(kDerSequence)};
  if (!in.ok() || !explicitly.ok() || !explicitly.at_end()) return false;
  while (!list.at_end()) {
    DerCursor pair{list.expect(kDerSequence)};
    ClaimConstraints::Permitted one;
    one.claim = as_text(pair.expect(kDerIa5));
    DerCursor values{pair.expect(kDerSequence)};
    if (!list.ok() || !pair.ok() || !pair.at_end() || !is_printable_ascii(one.claim)) return false;
    while (!values.at_end()) {
      one.values.emplace_back(as_text(values.expect(kDerUtf8)));
      if (!values.ok() || !is_utf8(one.values.back())) return false;
    }
    if (one.values.empty() || permitted.size() == kMaxConstraints) return false;
    std::ranges::sort(one.values);
    permitted.push_back(std::move(one));
  }
  return !permitted.empty();
}

}  // namespace

Parsed<ClaimConstraints> ClaimConstraints::parse(ByteView der, bool enhanced) {
  DerCursor outer{der};
  DerCursor in{outer.expect(kDerSequence)};
  if (!outer.ok() || !outer.at_end()) return malformed(outer.offset(), "constraints");
  ClaimConstraints result;
  result.enhanced = enhanced;
  if (!read_names(in, der_context(0), result.must_include)) return malformed(in.offset(), "constraints.mustInclude");
  if (!read_permitted(in, result.permitted)) return malformed(in.offset(), "constraints.permittedValues");
  if (enhanced && !read_names(in, der_context(2), result.must_exclude)) {
    return malformed(in.offset(), "constraints.mustExclude");
  }
  if (!in.at_end()) return malformed(in.offset(), "constraints", Malformed::kUnsupported);
  if (result.must_include.empty() && result.permitted.empty() && result.must_exclude.empty()) {
    return malformed(0, "constraints", Malformed::kMissing);
  }
  return result;
}

std::vector<std::string> ClaimConstraints::broken_by(const ClaimLookup& claims) const {
  std::vector<std::string> broken;
  for (const std::string& name : must_include) {
    if (!claims(name).has_value()) broken.push_back(name + " is demanded and missing");
  }
  for (const Permitted& rule : permitted) {
    const std::optional<ClaimValue> value = claims(rule.claim);
    if (!value.has_value() || contains(rule.values, value->text)) continue;
    const bool each = !value->elements.empty() && std::ranges::all_of(value->elements, [&](const std::string& element) {
      return contains(rule.values, element);
    });
    if (!each) broken.push_back(rule.claim + " has a value that is not permitted");
  }
  for (const std::string& name : must_exclude) {
    if (claims(name).has_value()) broken.push_back(name + " is forbidden and present");
  }
  return broken;
}

}  // namespace voip::crypto
