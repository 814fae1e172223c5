#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/transaction.h"

namespace voip::analyze::fraud {

// Attack and test programs that leave signs of themselves.
enum class Tool : std::uint8_t {
  kSipvicious,
  kSippts,
  kNmap,
  kScanner,  // a name that only scanners use, program unknown
  kVaxSip,
  kSipcli,
  kSipsak,
  kSmap,
  kIwar,
  kSivus,
  kSiparmyknife,
  kNsauditor,
  kSipp,
  kOther,  // names of weak weight
};
inline constexpr std::size_t kToolCount = static_cast<std::size_t>(Tool::kOther) + 1;
std::string_view to_string(Tool tool);

// The signs seen of one source, each once.
class Signs {
 public:
  void add(std::size_t sign) { bits_ |= std::uint64_t{1} << sign; }
  void add(const Signs& others) { bits_ |= others.bits_; }
  bool empty() const { return bits_ == 0; }
  std::uint64_t bits() const { return bits_; }
  static Signs from_bits(std::uint64_t bits) {
    Signs signs;
    signs.bits_ = bits;
    return signs;
  }

  // Sums of the weights of one program's signs.
  unsigned by_name(Tool tool) const;
  unsigned by_structure(Tool tool) const;
  unsigned structures(Tool tool) const;  // how many
  // FRAUD-001: 3 or more by name; FRAUD-002, 003: by structure.
  std::optional<Tool> named() const;
  std::optional<Tool> structured() const;
  // Either of them, test programs for load (sipp) aside: honest laboratories use those.
  bool hostile() const;
  // The program that an incident of the source is put down to; weaker signs suffice there.
  std::optional<Tool> attributed() const;
  // "User-Agent friendly-scanner, decimal Call-ID".
  std::string describe() const;

 private:
  std::uint64_t bits_ = 0;
};

// Signs in a request's fields, and in its SDP.
Signs signs_of(const session::Transaction& t);  // but for the User-Agent
Signs signs_of_agent(std::string_view user_agent);
Signs signs_of_sdp(std::string_view sdp);
// Two blanks behind "From:" and "To:", as sippts writes them. raw: the message; value: the field's, within raw.
Signs signs_of_blanks(std::string_view raw, std::string_view from, std::string_view to);

// What svwar and svcrack hide in their From tag: hex digits of a text, 0x01 and digits. Empty: none. A password behind
// a colon is left out.
std::string decoded_tag(std::string_view tag);

}  // namespace voip::analyze::fraud
