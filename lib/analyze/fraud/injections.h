#pragma once

#include <string>
#include <string_view>

// Texts of SIP fields that are meant for whoever reads them: data bases, shells, dial plans, web pages, parsers.
namespace voip::analyze::fraud {

// What a decoded text tries to be; near misses are left alone.
bool looks_like_sql(std::string_view lower);
bool looks_like_shell(std::string_view lower);
bool looks_like_script(std::string_view lower);
bool looks_like_dialplan(std::string_view user);
// %41 -> A; anything else is kept.
std::string percent_decoded(std::string_view text);

// Commands need one of a few characters; most messages have none in their head. One pass: it is paid for every request.
bool may_hold_command(std::string_view head);
// Most lines end in CRLF, some in CR or LF alone: parsers differ in where the next field begins. Who types messages by
// hand ends all lines in one way.
bool mixed_line_ends(std::string_view head);

}  // namespace voip::analyze::fraud
