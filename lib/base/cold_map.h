#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <utility>
#include <vector>

#include "base/table.h"

namespace voip {

// From keys to numbers, as FlatMap does it, for what grows with the length of a capture: it may lie in a file meanwhile
// (base/cold_memory.h). Nothing is ever taken out.
template <class Key, class Hash = TableHash<Key>>
class ColdMap {
 public:
  std::size_t size() const { return size_; }

  std::uint32_t* find(const Key& key) {
    if (slots_.empty()) return nullptr;
    Slot& slot = slot_of(key);
    return slot.used ? &slot.value : nullptr;
  }

  const std::uint32_t* find(const Key& key) const { return const_cast<ColdMap*>(this)->find(key); }

  // The number of the key; 0 when there was none.
  std::uint32_t& at_or_new(const Key& key, bool* made = nullptr) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    Slot& slot = slot_of(key);
    if (made != nullptr) *made = !slot.used;
    if (!slot.used) {
      slot = {.key = key, .used = true};
      ++size_;
    }
    return slot.value;
  }

 private:
  struct Slot {
    Key key{};
    std::uint32_t value = 0;
    bool used = false;
  };

  // Where the key is, or would be.
  Slot& slot_of(const Key& key) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = static_cast<std::size_t>(Hash{}(key)) & mask;
    while (slots_[i].used && !(slots_[i].key == key)) i = (i + 1) & mask;
    return slots_[i];
  }

  void grow() {
    std::pmr::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 2);
    slots_.swap(old);
    for (const Slot& slot : old) {
      if (slot.used) slot_of(slot.key) = slot;
    }
  }

  std::pmr::vector<Slot> slots_;  // a power of two of them
  std::size_t size_ = 0;
};

}  // namespace voip
