// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// One batch of an HTTP store under way: its rows as ranges, several of them asked for at once, each decoded when it has
// come. It owns itself until the batch is complete or has failed.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ranges>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/object_pool.hpp>
#include <thimble/core/types.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/io/vector_rows.hpp>
#include <thimble/store/http_answer.hpp>
#include <thimble/store/http_ranges.hpp>
#include <thimble/store/http_request.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

template <class Transport>
class http_read {
 public:
  http_read(const http_source& source, const vector_layout& layout, std::span<const node> nodes, std::span<float> out,
            completion then)
      : source_(source), layout_(layout), nodes_(nodes), out_(out), then_(then) {
    for (slot& s : slots_) s.read = this;
  }

  // nodes: at least one, each below layout.n. Errors to `then`: out_of_memory, those of http_error() and
  // check_rows_answer(), corrupt (a row that says another dim; value: the row).
  static void begin(const http_source& source, const vector_layout& layout, std::span<const node> nodes,
                    std::span<float> out, completion then) {
    auto made = make_owned<http_read>(source, layout, nodes, out, then);
    if (!made) return then(std::unexpected(made.error()));
    made->release()->go_on();
  }

 private:
  struct slot {
    http_read* read = nullptr;
    http_request<Transport> request;
    http_range range;
    std::size_t first = 0;  // of the nodes
    bool busy = false;
  };

  // Keeps all slots busy while there are rows to ask for. The last thing that is done here: the read may be gone after.
  void go_on() {
    for (slot& s : slots_ | std::views::take(source_.options.most_requests)) {
      if (failure_ || next_ == nodes_.size()) break;
      if (s.busy) continue;
      s.first = next_;
      s.range = first_http_range(nodes_.subspan(next_), layout_, source_.options.largest_gap);
      next_ += s.range.rows;
      const auto begun = s.request.begin(source_, s.range.offset, s.range.bytes, {&s, &http_read::arrived});
      if (!begun) {
        give_up(begun.error());
        break;
      }
      s.busy = true;
      ++n_busy_;
    }
    if (n_busy_ != 0) return;
    const owned<http_read> last(this);
    then_(failure_ ? std::unexpected(*failure_) : expected<void>());
  }

  static void arrived(void* at, expected<void> outcome) {
    auto& s = *static_cast<slot*>(at);
    http_read& read = *s.read;
    s.busy = false;
    --read.n_busy_;
    if (!read.failure_) {
      if (outcome) outcome = read.take_rows(s);
      if (!outcome) read.give_up(outcome.error());
    }
    read.go_on();
  }

  [[nodiscard]] expected<void> take_rows(const slot& s) {
    if (const auto good = check_rows_answer(s.request.answer(), source_.pin, s.range.offset, s.range.bytes); !good)
      return good;
    const std::uint32_t prefix = layout_.row_prefix_bytes;
    const vector_rows rows(s.request.body().data(), {.type = layout_.type,
                                                     .n = s.range.bytes / layout_.stride_bytes,
                                                     .dim = layout_.dim,
                                                     .offset = prefix,
                                                     .stride_bytes = layout_.stride_bytes,
                                                     .row_prefix_bytes = prefix});
    for (std::size_t i = s.first; i < s.first + s.range.rows; ++i) {
      const std::span<float> place = out_.subspan(i * layout_.dim, layout_.dim);
      const auto row = rows.row(nodes_[i] - nodes_[s.first], place);
      if (!row) return fail(row.error().code, row.error().message, nodes_[i]);
      if (row->data() != place.data()) std::ranges::copy(*row, place.begin());
    }
    return {};
  }

  void give_up(const error& why) {
    failure_ = why;
    for (slot& s : slots_)
      if (s.busy) s.request.cancel();
  }

  const http_source& source_;
  vector_layout layout_;
  std::span<const node> nodes_;
  std::span<float> out_;
  completion then_;
  std::size_t next_ = 0;  // of the nodes
  std::size_t n_busy_ = 0;
  std::optional<error> failure_;
  std::array<slot, http_options::most_requests_ever> slots_;
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
