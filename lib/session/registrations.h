#pragma once

#include <string>
#include <vector>

#include "base/table.h"
#include "session/registration.h"

namespace voip::session {

class Observer;

// The bindings of each address of record, as the 2xx answers of its registrar show them.
class Registrations {
 public:
  explicit Registrations(Observer& observer);

  // A REGISTER that was accepted.
  void take(const Transaction& transaction);
  // Tells what expired before the capture ended.
  void finish(Timestamp end);
  std::uint64_t evicted() const { return records_.evicted(); }

 private:
  struct Record {
    std::string aor;
    Endpoint registrar;
    std::vector<Binding> bindings;
  };
  void expire(Record& record, Timestamp now);
  void tell(RegistrationChange::Kind kind, const Record& record, const Binding& binding, const Binding* previous,
            const Transaction* transaction);

  Observer& observer_;
  CappedTable<TextKey, Record> records_;
};

}  // namespace voip::session
