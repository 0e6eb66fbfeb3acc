// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A fixed number of trivial values at a 64-byte boundary: codes, links, scratch. It owns its memory, or borrows bytes
// that outlive it (a mapped file). Allocation goes through THIMBLE_ALLOCATE and may fail. Buffers of several megabytes
// ask the system for huge pages: random reads of codes and links miss the TLB otherwise (factor 1.02 .. 1.1).

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

#if THIMBLE_HUGE_PAGES
#include <sys/mman.h>
#endif

namespace thimble::inline THIMBLE_FLAGS {

template <class T>
  requires std::is_trivially_copyable_v<T>
class aligned_buffer {
 public:
  aligned_buffer() = default;

  // n + more zeroed values. Error: out_of_memory.
  [[nodiscard]] static expected<aligned_buffer> create(std::size_t n, std::size_t more = 0) {
    aligned_buffer buffer;
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2 / value_bytes;
    if (n > most || more > most - n) return out_of_memory(n);
    n += more;
    if (n == 0) return buffer;
    const std::size_t bytes = n * value_bytes;
    void* memory = THIMBLE_ALLOCATE(bytes, alignment_for(bytes));
    if (memory == nullptr) return out_of_memory(bytes);
    advise_huge(memory, bytes);
    std::memset(memory, 0, bytes);
    buffer.data_ = static_cast<T*>(memory);
    buffer.size_ = n;
    buffer.owns_ = true;
    return buffer;
  }

  // A view of values that stay where they are while the buffer lives. Who writes through it must know that they may be
  // written.
  [[nodiscard]] static aligned_buffer borrow(std::span<const T> values) {
    aligned_buffer buffer;
    buffer.data_ = const_cast<T*>(values.data());
    buffer.size_ = values.size();
    return buffer;
  }

  aligned_buffer(aligned_buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        owns_(std::exchange(other.owns_, false)) {}

  aligned_buffer& operator=(aligned_buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(owns_, other.owns_);
    return *this;
  }

  ~aligned_buffer() {
    if (owns_) THIMBLE_DEALLOCATE(static_cast<void*>(data_), bytes(), alignment_for(bytes()));
  }

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return size_ * value_bytes; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool owns() const { return owns_; }
  [[nodiscard]] T& operator[](std::size_t i) { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] std::span<T> span() { return {data_, size_}; }
  [[nodiscard]] std::span<const T> span() const { return {data_, size_}; }

 private:
  static constexpr std::size_t value_bytes = sizeof(T);  // NOLINT(bugprone-sizeof-expression): T may be a pointer
  static constexpr std::size_t cache_line = 64;
  static constexpr std::size_t huge_page = std::size_t{2} << 20;

  static std::size_t alignment_for(std::size_t bytes) {
    return THIMBLE_HUGE_PAGES && bytes >= huge_page ? huge_page : cache_line;
  }

  // Whole huge pages only, so that the last one does not make the process larger than its data.
  static void advise_huge([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#if THIMBLE_HUGE_PAGES
    if (bytes >= huge_page) (void)::madvise(memory, bytes / huge_page * huge_page, MADV_HUGEPAGE);
#endif
  }

  static std::unexpected<error> out_of_memory(std::size_t bytes) {
    return fail(errc::out_of_memory, "not enough memory: use fewer bits per dimension or fewer vectors", bytes);
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  bool owns_ = false;
};

}  // namespace thimble::inline THIMBLE_FLAGS
