// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A fixed number of objects that are no plain values (an aligned_buffer's counterpart): scratch for each worker.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <class T>
class object_array {
 public:
  object_array() = default;

  // n default-constructed objects. Error: out_of_memory.
  [[nodiscard]] static expected<object_array> create(std::size_t n) {
    object_array array;
    void* memory = THIMBLE_ALLOCATE(n * sizeof(T), alignment);
    if (memory == nullptr)
      return fail(errc::out_of_memory, "not enough memory for scratch space: use fewer threads", n);
    array.data_ = static_cast<T*>(memory);
    array.size_ = n;
    std::uninitialized_default_construct_n(array.data_, n);
    return array;
  }

  object_array(object_array&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  object_array& operator=(object_array&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  ~object_array() {
    if (data_ == nullptr) return;
    std::destroy_n(data_, size_);
    THIMBLE_DEALLOCATE(data_, size_ * sizeof(T), alignment);
  }

  [[nodiscard]] T& operator[](std::size_t i) { return data_[i]; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<T> span() { return {data_, size_}; }

 private:
  static constexpr std::size_t alignment = alignof(T) < 64 ? 64 : alignof(T);

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
