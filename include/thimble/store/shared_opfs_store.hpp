// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// An opfs_store that any number of tabs may have open, and the seam to its JavaScript half (shared_opfs_library.js,
// linked by the CMake target thimble::browser). Where the browser knows handles that only read (Chromium) each tab has
// its own. Elsewhere (Firefox, Safari) the first tab is the file's owner and its worker's events read rows for the
// others; when it closes the store or dies another one becomes the owner, and what was asked meanwhile is asked of it
// again.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/store/browser_calls.hpp>
#include <thimble/store/opfs_calls.hpp>
#include <thimble/store/opfs_store.hpp>
#include <thimble/store/store.hpp>
#include <thimble/store/stored_set.hpp>
#include <thimble/store/widen.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// open and read answer 0 when `then` will be called later, or an outcome at once and `then` is never called. open gives
// a file for the calls of opfs_calls.hpp; while it is elsewhere its rows come by this read only.
#if THIMBLE_EMSCRIPTEN
extern "C" {
std::int32_t thimble_shared_opfs_open(const char* name, browser_then then, void* context);
std::int32_t thimble_shared_opfs_elsewhere(std::uint32_t file);
std::int32_t thimble_shared_opfs_read(std::uint32_t file, const std::uint32_t* nodes, std::uint32_t count, void* out,
                                      std::uint32_t row_bytes, double first_byte, browser_then then, void* context);
}
#else
inline std::int32_t thimble_shared_opfs_open(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_shared_opfs_elsewhere(std::uint32_t) { return 0; }
inline std::int32_t thimble_shared_opfs_read(auto...) { return not_in_a_browser(); }
#endif

// Move-only; used in the worker that opened it. It must not be moved or destroyed while a read is under way.
class shared_opfs_store {
 public:
  shared_opfs_store() = default;

  // Errors: as of opfs_store::open(); store_in_use, where the owner does not answer for 30 seconds (it computes, or is
  // suspended), or nobody is the owner and yet the file is open (an import, an opfs_store) for 2 seconds, or 2 for each
  // tab that waits for it.
  static void open(const char* name, opened<shared_opfs_store> then) {
    if (const auto valid = check_opfs_name(name); !valid) return then(std::unexpected(valid.error()));
    auto* pending = make_pending(then);
    if (pending == nullptr) return then(std::unexpected(no_memory_for_request()));
    if (const auto outcome = thimble_shared_opfs_open(name, &shared_opfs_store::on_opened, pending); outcome != 0)
      on_opened(pending, outcome, 0);
  }

  [[nodiscard]] const stored_set& set() const { return own_.set(); }
  // Whether another tab is the owner now. Once this one is, it stays so.
  [[nodiscard]] bool elsewhere() const { return thimble_shared_opfs_elsewhere(own_.file_.handle()) != 0; }

  // As opfs_store::read(), and then is called before read() returns, unless elsewhere(). Errors there as well:
  // store_mismatch (another import has taken the set's place), cannot_open (it was removed), store_in_use (as of
  // open(); the next read tries again), out_of_memory.
  void read(std::span<const node> nodes, std::span<float> out, completion then) {
    if (!elsewhere()) return then(own_.read(nodes, out));
    THIMBLE_ASSERT(out.size() >= nodes.size() * set().dim);
    const auto values = out.first(nodes.size() * set().dim);
    auto* pending = make_pending(reading{then, set().element, values});
    if (pending == nullptr) return then(std::unexpected(no_memory_for_request()));
    // Narrow rows arrive at the end of their place and are widened from there.
    std::byte* end = reinterpret_cast<std::byte*>(values.data() + values.size());
    const auto outcome =
        thimble_shared_opfs_read(own_.file_.handle(), nodes.data(), static_cast<std::uint32_t>(nodes.size()),
                                 end - nodes.size() * set().row_bytes(), static_cast<std::uint32_t>(set().row_bytes()),
                                 static_cast<double>(opfs_file::header_bytes), &shared_opfs_store::on_read, pending);
    if (outcome != 0) on_read(pending, outcome, 0);
  }

 private:
  struct reading {
    completion then;
    element_type element;
    std::span<float> values;
  };

  explicit shared_opfs_store(opfs_store&& own) : own_(std::move(own)) {}

  static void on_opened(void* context, std::int32_t outcome, std::uint32_t value) {
    const auto then = take_pending<opened<shared_opfs_store>>(context);
    if (outcome != 0) return then(std::unexpected(opfs_error(outcome)));
    auto store = opfs_store::of_file(opfs_file(value));
    if (!store) return then(std::unexpected(store.error()));
    then(shared_opfs_store(std::move(*store)));
  }

  static void on_read(void* context, std::int32_t outcome, std::uint32_t value) {
    const auto done = take_pending<reading>(context);
    if (outcome != 0) return done.then(std::unexpected(opfs_error(outcome, value)));
    widen_from_end(done.element, done.values);
    done.then({});
  }

  opfs_store own_;  // reads by itself once its file is here
};

static_assert(!batch_store<shared_opfs_store>);

}  // namespace thimble::inline THIMBLE_FLAGS::detail
