// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Scratch for searches that bring none: a few are kept between searches, without a lock.

#pragma once

#include <array>
#include <atomic>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/object_array.hpp>
#include <thimble/search/search_scratch.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class scratch_pool {
 public:
  scratch_pool() = default;
  // Moving a pool while it is used is a mistake of the program's, as with any object.
  scratch_pool(scratch_pool&& other) noexcept { swap(other); }
  scratch_pool& operator=(scratch_pool&& other) noexcept {
    swap(other);
    return *this;
  }
  ~scratch_pool() {
    for (auto& slot : slots_) destroy(slot.load(std::memory_order_relaxed));
  }

  // Gives the scratch back when it goes.
  class lease {
   public:
    lease(lease&& other) noexcept : pool_(other.pool_), scratch_(std::exchange(other.scratch_, nullptr)) {}
    lease& operator=(lease&&) = delete;
    ~lease() {
      if (scratch_ != nullptr) pool_->give_back(scratch_);
    }
    [[nodiscard]] search_scratch& operator*() const { return *scratch_; }

   private:
    friend class scratch_pool;
    lease(scratch_pool& pool, search_scratch* scratch) : pool_(&pool), scratch_(scratch) {}

    scratch_pool* pool_;
    search_scratch* scratch_;
  };

  // Error: out_of_memory. Thread-safe.
  [[nodiscard]] expected<lease> borrow() {
    for (auto& slot : slots_) {
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      if (search_scratch* scratch = slot.exchange(nullptr, std::memory_order_acquire)) return lease(*this, scratch);
    }
    void* memory = THIMBLE_ALLOCATE(sizeof(search_scratch), alignof(search_scratch));
    if (memory == nullptr) return fail(errc::out_of_memory, "not enough memory for a search");
    return lease(*this, ::new (memory) search_scratch);
  }

 private:
  void give_back(search_scratch* scratch) {
    for (auto& slot : slots_) {
      search_scratch* empty = nullptr;
      if (slot.compare_exchange_strong(empty, scratch, std::memory_order_release, std::memory_order_relaxed)) return;
    }
    destroy(scratch);
  }

  static void destroy(search_scratch* scratch) {
    if (scratch == nullptr) return;
    std::destroy_at(scratch);
    THIMBLE_DEALLOCATE(scratch, sizeof(search_scratch), alignof(search_scratch));
  }

  void swap(scratch_pool& other) noexcept {
    for (std::size_t i = 0; i < slots_.size(); ++i)
      other.slots_[i].store(slots_[i].exchange(other.slots_[i].load(std::memory_order_relaxed)),
                            std::memory_order_relaxed);
  }

  std::array<std::atomic<search_scratch*>, 16> slots_{};
};

}  // namespace thimble::inline THIMBLE_FLAGS
