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
  struct Wish;    // a contact of the request
  struct Listed;  // a contact of the answer
  static std::vector<Wish> wishes_of(const Transaction& transaction);
  static std::vector<Binding> remove_asked(std::vector<Binding>& known, const std::vector<Wish>& wishes, bool star);
  static std::vector<Listed> listed_by_registrar(const Transaction& transaction, std::vector<Wish>& wishes,
                                                 std::vector<Binding>& known);
  static std::vector<Listed> listed_as_wished(const std::vector<Wish>& wishes);
  static std::vector<Binding> remove_unlisted(std::vector<Binding>& known, const std::vector<Listed>& listed);
  // gone: bindings that this answer replaces, from `replaced` on.
  void bind(Record& record, const Listed& one, const Transaction& transaction, const std::vector<Binding>& gone,
            std::size_t& replaced);
  void expire(Record& record, Timestamp now);
  void tell(RegistrationChange::Kind kind, const Record& record, const Binding& binding, const Binding* previous,
            const Transaction* transaction);

  Observer& observer_;
  CappedTable<TextKey, Record> records_;
};

}  // namespace voip::session
