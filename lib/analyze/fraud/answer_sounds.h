#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "base/table.h"
#include "session/observer.h"

namespace voip::analyze::fraud {

// What one end of a call sent in the first seconds after the answer.
enum class Heard : std::uint8_t { kUnknown, kNothing, kRinging, kSound };

// Listens to clear G.711 right after a call's 2xx: silence, a ring-back tone that goes on, or anything else. Keeps two
// values for each call that was heard.
class AnswerSounds {
 public:
  struct Call {
    Heard callee = Heard::kUnknown;
    Heard caller = Heard::kUnknown;
  };

  explicit AnswerSounds(std::size_t cap) : cap_(cap) {}
  void on_rtp(session::MediaStream& stream, const dissect::MediaEvent& event);
  void on_call_end(const session::Call& call);
  // Null: nothing of it could be judged.
  const Call* find(std::string_view call_id) const { return calls_.find(text_key(call_id)); }

 private:
  std::size_t cap_;
  FlatMap<TextKey, Call> calls_;
};

}  // namespace voip::analyze::fraud
