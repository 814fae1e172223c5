#include "analyze/fraud/injections.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// A command word that stands behind the position, blanks skipped.
bool command_at(std::string_view text, std::size_t at) {
  static constexpr std::array<std::string_view, 20> kCommands{
      "wget",  "curl",   "nc ",   "ncat",  "bash",   "sh ", "cat ",    "id",    "ls",      "ping ",
      "sleep", "whoami", "uname", "echo ", "touch ", "rm ", "python ", "perl ", "busybox", "tftp"};
  while (at < text.size() && (text[at] == ' ' || text[at] == '+' || text[at] == '/')) ++at;
  const std::string_view rest = text.substr(std::min(at, text.size()));
  return std::ranges::any_of(kCommands, [&](std::string_view command) {
    if (!rest.starts_with(command)) return false;
    const char next = rest.size() == command.size() ? '\0' : rest[command.size()];
    // "Linux; Python 3.11" names a platform; what is run gets an option, a file or a text.
    if (command == "python " || command == "perl ") return !is_digit(next);
    if (command.back() == ' ') return true;
    // Neither a longer word, nor a parameter (";id=5"), nor a product ("curl/8.1").
    return !is_alpha(next) && next != '=' && next != '-' && !(next == '/' && command != "bash");
  });
}

// Whether what begins at `at` may be (part of) a command; called where the character there is one of the suspects.
bool suspect_at(std::string_view head, std::size_t at) {
  const std::string_view rest = head.substr(at + 1);
  const auto behind = [&](std::string_view word) {  // ends at `at`, a '=' follows
    return rest.starts_with('=') && at + 1 >= word.size() &&
           iequals(head.substr(at + 1 - word.size(), word.size()), word);
  };
  switch (head[at]) {
    case '\'':
    case '`':
    case '$':
    case '%':
    case '|':
    case '&': return true;
    case '<':
      return istarts_with(rest, "sc") || istarts_with(rest, "sv") || istarts_with(rest, "im") ||
             istarts_with(rest, "if");
    case '-': return rest.starts_with('-');
    case '/': return rest.starts_with("bin/") || rest.starts_with('*');
    case 'j':
    case 'J': return istarts_with(rest, "avascript:");
    case 'r':
    case 'R': return behind("onerror");
    case 'd':
    case 'D': return behind("onload");
    default: return false;
  }
}

// A number with a host behind it is dialled at that host; a name with its domain, or a whole URI, is only a name.
bool dials_elsewhere(std::string_view user) {
  constexpr std::size_t kShortest = 6;  // digits: shorter ones are extensions with their domain
  const std::size_t at = user.find("%40");
  if (at == std::string_view::npos) return false;
  const std::string_view number = user.substr(0, at);
  return number.size() >= kShortest &&
         std::ranges::all_of(number, [](char c) { return is_digit(c) || c == '+' || c == '*' || c == '#'; });
}

}  // namespace

bool may_hold_command(std::string_view head) {
  std::size_t i = 0;
#if defined(__SSE2__)
  // Sixteen places at a time; those whose next character fits too are looked at one by one.
  constexpr std::size_t kStep = 16;
  for (; i + kStep < head.size(); i += kStep) {
    __m128i here;
    __m128i next;
    std::memcpy(&here, head.data() + i, kStep);
    std::memcpy(&next, head.data() + i + 1, kStep);
    const __m128i lower = _mm_or_si128(here, _mm_set1_epi8(0x20));
    const auto is = [&](char c) { return _mm_cmpeq_epi8(here, _mm_set1_epi8(c)); };
    const auto letter = [&](char c) { return _mm_cmpeq_epi8(lower, _mm_set1_epi8(c)); };
    const auto then = [&](char c) { return _mm_cmpeq_epi8(next, _mm_set1_epi8(c)); };
    const auto either = [](__m128i a, __m128i b) { return _mm_or_si128(a, b); };
    const auto both = [](__m128i a, __m128i b) { return _mm_and_si128(a, b); };
    const __m128i sure = either(either(either(is('\''), is('`')), either(is('$'), is('%'))), either(is('|'), is('&')));
    const __m128i pairs = either(either(both(is('-'), then('-')), both(is('/'), either(then('b'), then('*')))),
                                 both(either(letter('r'), letter('d')), then('=')));
    const __m128i more = either(both(letter('j'), either(then('a'), then('A'))), is('<'));
    auto places = static_cast<unsigned>(_mm_movemask_epi8(either(sure, either(pairs, more))));
    for (; places != 0; places &= places - 1) {
      if (suspect_at(head, i + static_cast<std::size_t>(std::countr_zero(places)))) return true;
    }
  }
#endif
  for (; i < head.size(); ++i) {
    if (suspect_at(head, i)) return true;
  }
  return false;
}

bool mixed_line_ends(std::string_view head) {
  std::size_t proper = 0;
  std::size_t bare = 0;
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\r' && i + 1 < head.size() && head[i + 1] == '\n') {
      ++proper;
      ++i;
    } else if (head[i] == '\r' || head[i] == '\n') {
      ++bare;
    }
  }
  return bare != 0 && proper > bare;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (const auto byte = parse_number<std::uint8_t>(text.substr(i + 1, 2), 16); byte) {
        out.push_back(static_cast<char>(*byte));
        i += 2;
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

bool looks_like_sql(std::string_view lower) {
  const bool mark = has(lower, "'") || has(lower, "\"") || has(lower, "--") || has(lower, "/*") || has(lower, "#") ||
                    has(lower, "0x27");
  if (!mark) return false;
  static constexpr std::array<std::string_view, 21> kWords{"' or ",
                                                           "'or'",
                                                           "\" or ",
                                                           "' and ",
                                                           "or 1=1",
                                                           "or '1'='1",
                                                           "union select",
                                                           "union all",
                                                           "; drop",
                                                           ";drop",
                                                           "sleep(",
                                                           "benchmark(",
                                                           "information_schema",
                                                           "xp_cmdshell",
                                                           "waitfor delay",
                                                           "insert into",
                                                           "delete from",
                                                           "'--",
                                                           "' --",
                                                           "'/*",
                                                           "pg_sleep"};
  return std::ranges::any_of(kWords, [&](std::string_view word) {
    const std::size_t at = lower.find(word);
    if (at == std::string_view::npos) return false;
    // "O'Brien; drop-in centre" drops nothing.
    const std::size_t end = at + word.size();
    return !word.ends_with("drop") || end == lower.size() || !(is_alpha(lower[end]) || lower[end] == '-');
  });
}

bool looks_like_shell(std::string_view lower) {
  if (has(lower, "$(") || has(lower, "${") || has(lower, "/bin/sh") || has(lower, "/bin/bash")) return true;
  const std::size_t tick = lower.find('`');
  if (tick != std::string_view::npos && lower.find('`', tick + 1) != std::string_view::npos) return true;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const char c = lower[i];
    if ((c == ';' || c == '|' || c == '\n' || c == '\r') && command_at(lower, i + 1)) return true;
    if (c == '&' && i + 1 < lower.size() && lower[i + 1] == '&' && command_at(lower, i + 2)) return true;
  }
  return false;
}

bool looks_like_script(std::string_view lower) {
  return has(lower, "<script") || has(lower, "onerror=") || has(lower, "onload=") || has(lower, "javascript:") ||
         has(lower, "<img") || has(lower, "<svg") || has(lower, "<iframe");
}

bool looks_like_dialplan(std::string_view user) {
  for (const std::string_view name : {"pjsip/", "sip/", "iax2/", "local/", "dahdi/"}) {
    const std::string lower = to_lower(user);
    if (has(lower, name)) return true;
  }
  return user.find_first_of("&|,/") != std::string_view::npos || dials_elsewhere(user) || has(user, "%26");
}

}  // namespace voip::analyze::fraud
