#pragma once

#include <bit>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/time.h"

namespace voip {

// Open addressing with linear probing in a power-of-two array; keys and values lie inline. Erasing shifts back, so no
// tombstones gather. Pointers to values last until the next insert or erase. Iteration order is not stable between
// runs.
template <class Key, class Value, class Hash = TableHash<Key>>
class FlatMap {
 public:
  std::size_t size() const { return size_; }

  Value* find(const Key& key) {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = home(key);; i = next(i)) {
      if (!slots_[i].used) return nullptr;
      if (slots_[i].key == key) return &slots_[i].value;
    }
  }
  const Value* find(const Key& key) const { return const_cast<FlatMap*>(this)->find(key); }

  // The value of the key, made from its default when there was none.
  Value& at_or_new(const Key& key, bool* made = nullptr) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    for (std::size_t i = home(key);; i = next(i)) {
      Slot& slot = slots_[i];
      if (slot.used && !(slot.key == key)) continue;
      if (made != nullptr) *made = !slot.used;
      if (!slot.used) {
        slot.used = true;
        slot.key = key;
        slot.value = Value{};
        ++size_;
      }
      return slot.value;
    }
  }

  bool erase(const Key& key) {
    if (slots_.empty()) return false;
    std::size_t hole = home(key);
    while (slots_[hole].used && !(slots_[hole].key == key)) hole = next(hole);
    if (!slots_[hole].used) return false;
    for (std::size_t i = next(hole); slots_[i].used; i = next(i)) {
      // An entry may move into the hole only if its home does not lie between the hole and it.
      const std::size_t distance_home = (i - home(slots_[i].key)) & mask();
      const std::size_t distance_hole = (i - hole) & mask();
      if (distance_home >= distance_hole) {
        slots_[hole] = std::move(slots_[i]);
        hole = i;
      }
    }
    slots_[hole] = Slot{};
    --size_;
    return true;
  }

  template <class Function>
  void for_each(Function&& function) {
    for (Slot& slot : slots_) {
      if (slot.used) function(slot.key, slot.value);
    }
  }

  void clear() {
    slots_.clear();
    size_ = 0;
  }

 private:
  struct Slot {
    Key key{};
    Value value{};
    bool used = false;
  };

  std::size_t mask() const { return slots_.size() - 1; }
  std::size_t home(const Key& key) const { return static_cast<std::size_t>(Hash{}(key)) & mask(); }
  std::size_t next(std::size_t i) const { return (i + 1) & mask(); }

  void grow() {
    std::vector<Slot> old = std::move(slots_);
    slots_ = std::vector<Slot>(old.empty() ? 64 : old.size() * 2);
    for (Slot& slot : old) {
      if (!slot.used) continue;
      std::size_t i = home(slot.key);
      while (slots_[i].used) i = next(i);
      slots_[i] = std::move(slot);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

// Objects by key, at most `cap` of them, in the order of their last use. Addresses are stable while an entry lives.
// touch() is O(1); call it as rarely as the idle time allows.
template <class Key, class T, class Hash = TableHash<Key>>
class CappedTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit CappedTable(std::size_t cap) : cap_(cap == 0 ? 1 : cap) {}

  std::size_t size() const { return index_.size(); }
  std::uint64_t evicted() const { return evicted_; }

  T* find(const Key& key) {
    const std::uint32_t* at = index_.find(key);
    return at == nullptr ? nullptr : &*nodes_[*at].value;
  }

  // find() and touch() in one look. Entries touched within the last second keep their place: moving one costs the cache
  // lines of three.
  T* find_and_touch(const Key& key, Timestamp now) {
    const std::uint32_t* at = index_.find(key);
    if (at == nullptr) return nullptr;
    Node& node = nodes_[*at];
    if (!node.used.known() || now.ns - node.used.ns > kNsPerSecond) touch_node(*at, now);
    return &*node.value;
  }

  // Finds or makes. When the table is full, the longest idle entry goes first: on_evict(key, T&) sees it, and may not
  // change the table.
  template <class OnEvict>
  T& get(const Key& key, Timestamp now, OnEvict&& on_evict, bool* made = nullptr) {
    if (const std::uint32_t* at = index_.find(key); at != nullptr) {
      if (made != nullptr) *made = false;
      touch_node(*at, now);
      return *nodes_[*at].value;
    }
    if (index_.size() >= cap_) {
      ++evicted_;
      remove_node(tail_, on_evict);
    }
    std::uint32_t id = free_;
    if (id != kNone) {
      free_ = nodes_[id].next;
    } else {
      id = nodes_.add();
    }
    Node& node = nodes_[id];
    node.key = key;
    node.value.emplace();
    node.used = now;
    link_front(id);
    index_.at_or_new(key) = id;
    if (made != nullptr) *made = true;
    return *node.value;
  }

  void touch(const Key& key, Timestamp now) {
    if (const std::uint32_t* at = index_.find(key); at != nullptr) touch_node(*at, now);
  }

  // Drops every entry last used before now - idle.
  template <class OnEvict>
  void expire(Timestamp now, std::chrono::nanoseconds idle, OnEvict&& on_evict) {
    while (tail_ != kNone && later_by(nodes_[tail_].used, now, idle)) remove_node(tail_, on_evict);
  }

  template <class OnEvict>
  void erase(const Key& key, OnEvict&& on_evict) {
    if (const std::uint32_t* at = index_.find(key); at != nullptr) remove_node(*at, on_evict);
  }
  void erase(const Key& key) {
    erase(key, [](const Key&, T&) {});
  }

  // From the longest idle to the latest used; removes all.
  template <class OnEvict>
  void drain(OnEvict&& on_evict) {
    while (tail_ != kNone) remove_node(tail_, on_evict);
  }

  // From the longest idle to the latest used.
  template <class Function>
  void for_each(Function&& function) {
    for (std::uint32_t id = tail_; id != kNone; id = nodes_[id].previous) function(nodes_[id].key, *nodes_[id].value);
  }

 private:
  struct Node {
    Key key{};
    std::optional<T> value;
    Timestamp used;
    std::uint32_t previous = kNone;  // used later
    std::uint32_t next = kNone;      // used earlier
  };

  // Nodes in chunks that never move, found by shifts alone.
  class Nodes {
   public:
    Node& operator[](std::uint32_t id) { return chunks_[id >> kShift][id & kMask]; }
    std::uint32_t add() {
      if ((size_ & kMask) == 0) chunks_.push_back(std::make_unique<Node[]>(kMask + 1));
      return size_++;
    }

   private:
    static constexpr std::uint32_t kShift = 6;
    static constexpr std::uint32_t kMask = (1U << kShift) - 1;
    std::vector<std::unique_ptr<Node[]>> chunks_;
    std::uint32_t size_ = 0;
  };

  void link_front(std::uint32_t id) {
    Node& node = nodes_[id];
    node.previous = kNone;
    node.next = head_;
    if (head_ != kNone) nodes_[head_].previous = id;
    head_ = id;
    if (tail_ == kNone) tail_ = id;
  }
  void unlink(std::uint32_t id) {
    Node& node = nodes_[id];
    (node.previous == kNone ? head_ : nodes_[node.previous].next) = node.next;
    (node.next == kNone ? tail_ : nodes_[node.next].previous) = node.previous;
  }
  void touch_node(std::uint32_t id, Timestamp now) {
    nodes_[id].used = now;
    if (id == head_) return;
    unlink(id);
    link_front(id);
  }
  template <class OnEvict>
  void remove_node(std::uint32_t id, OnEvict& on_evict) {
    Node& node = nodes_[id];
    on_evict(std::as_const(node.key), *node.value);
    index_.erase(node.key);
    unlink(id);
    node.value.reset();
    node.next = free_;
    free_ = id;
  }

  FlatMap<Key, std::uint32_t, Hash> index_;
  Nodes nodes_;
  std::size_t cap_;
  std::uint64_t evicted_ = 0;
  std::uint32_t head_ = kNone;
  std::uint32_t tail_ = kNone;
  std::uint32_t free_ = kNone;
};

}  // namespace voip
