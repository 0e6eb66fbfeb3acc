// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// When may a slot that was unlinked be used again? When everybody who may still be looking at it has left. Whoever
// walks a structure enters an epoch and leaves it at the end; what is unlinked waits in a queue, with the epoch of that
// moment, for those who entered before (epoch-based reclamation: Fraser, 2004, section 5.2.3). Entering costs a load
// and one exchange on a cache line that is nobody else's, leaving a store; nobody waits for anybody.
//
// Why it holds without a fence. Let W unlink a node, put it into the queue (the epoch goes from e to e + 1) and find it
// ripe in a scan of the places, and let R enter.
//   * The scan meets R's place taken, with epoch a. The node is ripe only if e < a: R read the epoch after W had raised
//     it (acquire of a release), so R sees the unlinking, and never comes to the node.
//   * The scan meets R's place empty. The scan reads places by read-modify-write, so R's claim, which comes later in
//     the order of that word, takes up what the scan released: again R sees the unlinking. (If R was there before and
//     left, its reads happened before its release of the place, which the scan acquired.) A block of places that the
//     scan did not meet was appended later, by the same argument on the word that points to it.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/atomic.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/random.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class epochs {
 public:
  epochs() = default;
  epochs(const epochs&) = delete;
  epochs& operator=(const epochs&) = delete;
  ~epochs() {
    for (block* b = first_.next.load(std::memory_order_relaxed); b != nullptr;) {
      block* const next = b->next.load(std::memory_order_relaxed);
      std::destroy_at(b);
      THIMBLE_DEALLOCATE(b, sizeof(block), alignof(block));
      b = next;
    }
  }

  // Inside while it lives; it must not outlive the epochs.
  class guard {
   public:
    guard(guard&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}
    guard& operator=(guard&&) = delete;
    ~guard() {
      if (place_ != nullptr) place_->store(nobody, std::memory_order_release);
    }

   private:
    friend class epochs;
    explicit guard(std::atomic<std::uint64_t>& place) : place_(&place) {}

    std::atomic<std::uint64_t>* place_;
  };

  // Any number at once, also of one thread. Error: out_of_memory, only where more than ever before are inside.
  [[nodiscard]] expected<guard> enter() {
    const std::uint64_t now = epoch_.load(std::memory_order_acquire);
    // Each thread begins at a place of its own: its stack tells it from the others.
    const auto begin = static_cast<std::size_t>(mix(reinterpret_cast<std::uintptr_t>(&now) >> 16));
    for (block* b = &first_;;) {
      for (std::size_t i = 0; i < n_places; ++i) {
        std::atomic<std::uint64_t>& place = b->places[(begin + i) % n_places].epoch;
        std::uint64_t empty = nobody;
        if (place.load(std::memory_order_relaxed) == nobody &&
            place.compare_exchange_strong(empty, now, std::memory_order_acq_rel, std::memory_order_relaxed))
          return guard(place);
      }
      block* next = b->next.load(std::memory_order_acquire);
      if (next == nullptr) next = append(*b);
      if (next == nullptr) return fail(errc::out_of_memory, "not enough memory for so many threads at once");
      b = next;
    }
  }

  // Begins a new epoch; the number of the one that ended.
  [[nodiscard]] std::uint64_t advance() { return epoch_.fetch_add(1, std::memory_order_acq_rel); }

  // The epoch that nobody inside is older than: what was unlinked in an earlier one, before this call, is ripe.
  [[nodiscard]] std::uint64_t oldest() {
    std::uint64_t oldest = epoch_.load(std::memory_order_acquire);
    for (block* b = &first_; b != nullptr;) {
      for (padded& place : b->places) {
        const std::uint64_t entered = place.epoch.fetch_add(0, std::memory_order_acq_rel);
        if (entered != nobody && entered < oldest) oldest = entered;
      }
      block* next = nullptr;
      (void)b->next.compare_exchange_strong(next, nullptr, std::memory_order_acq_rel, std::memory_order_acquire);
      b = next;
    }
    return oldest;
  }

 private:
  static constexpr std::uint64_t nobody = 0;
  static constexpr std::size_t n_places = THIMBLE_THREADS ? 32 : 2;

  struct alignas(64) padded {
    std::atomic<std::uint64_t> epoch{nobody};
  };
  struct block {
    padded places[n_places];
    std::atomic<block*> next{nullptr};
  };

  // The block behind b, a new one or another thread's; null: out of memory.
  [[nodiscard]] static block* append(block& b) {
    void* memory = THIMBLE_ALLOCATE(sizeof(block), alignof(block));
    if (memory == nullptr) return nullptr;
    auto* const made = ::new (memory) block;
    block* known = nullptr;
    if (b.next.compare_exchange_strong(known, made, std::memory_order_acq_rel, std::memory_order_acquire)) return made;
    std::destroy_at(made);
    THIMBLE_DEALLOCATE(memory, sizeof(block), alignof(block));
    return known;
  }

  std::atomic<std::uint64_t> epoch_{1};
  block first_;
};

// Nodes that wait until nobody can be looking at them any more, first in, first out. Memory: 16 bytes for each node
// that has ever waited at once.
class epoch_queue {
 public:
  // Makes sure of room for one more retire(), which then cannot fail. Error: out_of_memory. Thread-safe, as all here.
  [[nodiscard]] expected<void> reserve() {
    const detail::byte_lock_guard guard(lock_);
    if (size_ + n_reserved_ == waiting_.size())
      if (auto done = grow(); !done) return done;
    ++n_reserved_;
    return {};
  }
  // Gives up that room.
  void release() {
    const detail::byte_lock_guard guard(lock_);
    THIMBLE_ASSERT(n_reserved_ > 0);
    --n_reserved_;
  }

  // x can no longer be found by who enters from now on. Takes the room of one reserve().
  void retire(node x, epochs& of) {
    const detail::byte_lock_guard guard(lock_);
    THIMBLE_ASSERT(n_reserved_ > 0);
    --n_reserved_;
    waiting_[(first_ + size_) & (waiting_.size() - 1)] = {of.advance(), x};
    detail::store_release(size_, size_ + 1);
  }

  // The node that has waited longest, if all who were inside when it was retired have left; no_node if not.
  [[nodiscard]] node take(epochs& of) {
    const detail::byte_lock_guard guard(lock_);
    if (size_ == 0) return no_node;
    const entry next = waiting_[first_];
    if (next.epoch >= ripe_before_) ripe_before_ = of.oldest();
    if (next.epoch >= ripe_before_) return no_node;
    first_ = (first_ + 1) & (waiting_.size() - 1);
    detail::store_release(size_, size_ - 1);
    return next.x;
  }

  // How many of the first ones take() would give.
  [[nodiscard]] std::size_t n_ripe(epochs& of) {
    const detail::byte_lock_guard guard(lock_);
    if (size_ == 0) return 0;
    ripe_before_ = of.oldest();
    std::size_t n = 0;
    while (n < size_ && waiting_[(first_ + n) & (waiting_.size() - 1)].epoch < ripe_before_) ++n;
    return n;
  }

  // Without the lock: any thread may ask at any time.
  [[nodiscard]] std::size_t size() const { return detail::load_acquire(size_); }
  [[nodiscard]] std::size_t bytes() {
    const detail::byte_lock_guard guard(lock_);
    return waiting_.bytes();
  }

 private:
  struct entry {
    std::uint64_t epoch;
    node x;
  };

  [[nodiscard]] expected<void> grow() {
    auto larger = aligned_buffer<entry>::create(waiting_.empty() ? 16 : 2 * waiting_.size());
    if (!larger) return std::unexpected(larger.error());
    for (std::size_t i = 0; i < size_; ++i) (*larger)[i] = waiting_[(first_ + i) & (waiting_.size() - 1)];
    waiting_ = std::move(*larger);
    first_ = 0;
    return {};
  }

  aligned_buffer<entry> waiting_;  // a ring
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  std::size_t n_reserved_ = 0;
  std::uint64_t ripe_before_ = 0;
  std::uint8_t lock_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
