// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Objects that are borrowed for one call and reused by the next, and objects that stay where they are: both through the
// library's own allocation, which may fail. A pool keeps up to 16, without a lock.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct object_deleter {
  template <class T>
  void operator()(T* object) const {
    std::destroy_at(object);
    THIMBLE_DEALLOCATE(object, sizeof(T), alignof(T));
  }
};

// An object with one owner and one address.
template <class T>
using owned = std::unique_ptr<T, object_deleter>;

// Error: out_of_memory.
template <class T, class... Args>
[[nodiscard]] expected<owned<T>> make_owned(Args&&... args) {
  void* memory = THIMBLE_ALLOCATE(sizeof(T), alignof(T));
  if (memory == nullptr) return fail(errc::out_of_memory, "not enough memory", sizeof(T));
  return owned<T>(::new (memory) T(std::forward<Args>(args)...));
}

template <class T>
class object_pool {
 public:
  object_pool() = default;
  // Moving a pool while it is used is a mistake of the program's, as with any object.
  object_pool(object_pool&& other) noexcept { swap(other); }
  object_pool& operator=(object_pool&& other) noexcept {
    swap(other);
    return *this;
  }
  ~object_pool() {
    for (auto& slot : slots_) owned<T>(slot.load(std::memory_order_relaxed)).reset();
  }

  // Gives the object back when it goes; it must not outlive the pool.
  class lease {
   public:
    lease(lease&& other) noexcept = default;
    lease& operator=(lease&&) = delete;
    ~lease() {
      if (object_) pool_->give_back(std::move(object_));
    }
    [[nodiscard]] T& operator*() const { return *object_; }

   private:
    friend class object_pool;
    lease(object_pool& pool, owned<T> object) : pool_(&pool), object_(std::move(object)) {}

    object_pool* pool_;
    owned<T> object_;
  };

  // Error: out_of_memory. Thread-safe.
  [[nodiscard]] expected<lease> borrow() {
    for (auto& slot : slots_) {
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      if (T* object = slot.exchange(nullptr, std::memory_order_acquire)) return lease(*this, owned<T>(object));
    }
    auto made = make_owned<T>();
    if (!made) return std::unexpected(made.error());
    return lease(*this, std::move(*made));
  }

 private:
  void give_back(owned<T> object) {
    for (auto& slot : slots_) {
      T* empty = nullptr;
      if (!slot.compare_exchange_strong(empty, object.get(), std::memory_order_release, std::memory_order_relaxed))
        continue;
      (void)object.release();
      return;
    }
  }

  void swap(object_pool& other) noexcept {
    for (std::size_t i = 0; i < slots_.size(); ++i)
      other.slots_[i].store(slots_[i].exchange(other.slots_[i].load(std::memory_order_relaxed)),
                            std::memory_order_relaxed);
  }

  std::array<std::atomic<T*>, 16> slots_{};
};

}  // namespace thimble::inline THIMBLE_FLAGS
