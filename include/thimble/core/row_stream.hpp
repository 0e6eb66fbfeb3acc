// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Reading rows in order, from sources that come faster when they know it: a mapped file that is not in the page cache
// is then read far ahead.

#pragma once

#include <thimble/core/config.hpp>
#include <thimble/core/matrix_view.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <class R>
concept streamed_row_source = row_source<R> && requires(const R& rows) {
  rows.begin_stream();
  rows.end_stream();
};

// Tells the rows, if they can be told, that they are read in order while this lives.
template <row_source Rows>
class row_stream {
 public:
  // rows must outlive this.
  explicit row_stream(const Rows& rows) : rows_(rows) {
    if constexpr (streamed_row_source<Rows>) rows_.begin_stream();
  }
  ~row_stream() {
    if constexpr (streamed_row_source<Rows>) rows_.end_stream();
  }

  row_stream(const row_stream&) = delete;
  row_stream& operator=(const row_stream&) = delete;

 private:
  [[maybe_unused]] const Rows& rows_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
