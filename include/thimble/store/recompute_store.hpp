// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Vectors that are not kept anywhere: a function of the user's makes them again from what they were made of (a text
// through its embedding model), a batch at a time. Under a cache_store those that are asked for often are made once.
//
// They must be what the index was built from, or nearly: distances are those of the vectors that the function makes. A
// function that gives the same bits every time needs no fingerprint; one that does not (a GPU) is given the index's.

#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/metric/vector_check.hpp>
#include <thimble/store/fingerprint.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <class F>
concept row_function = requires(F& make, std::span<const node> rows, std::span<float> out) {
  // Row rows[i] goes to out[i * dim .. (i+1) * dim), all of it; rows ascend, each below the number of vectors.
  { make(rows, out) } -> std::same_as<expected<void>>;
};

template <row_function Function>
class recompute_store {
 public:
  // n vectors of dim values, whose fingerprint is known (index.fingerprint()): nothing is made. Errors:
  // too_many_vectors, too_large and invalid_argument (dim).
  [[nodiscard]] static expected<recompute_store> create(Function make, std::size_t n, std::size_t dim,
                                                        std::uint64_t fingerprint) {
    if (n > max_nodes) return fail(errc::too_many_vectors, "more than 2^31 - 1 vectors", n);
    if (dim == 0) return fail(errc::invalid_argument, "dim is 0: say how many values a vector has");
    if (dim > max_dim) return fail(errc::too_large, "more values a vector than 65535", dim);
    return recompute_store(std::move(make), n, dim, fingerprint);
  }

  // The fingerprint is computed: up to 64 rows are made, in one batch. Errors: also what read answers.
  [[nodiscard]] static expected<recompute_store> create(Function make, std::size_t n, std::size_t dim) {
    auto store = create(std::move(make), n, dim, 0);
    if (!store) return store;
    const auto identity = thimble::fingerprint(
        n, dim, [&](std::span<const node> nodes, std::span<float> out) { return store->read(nodes, out); });
    if (!identity) return std::unexpected(identity.error());
    store->fingerprint_ = *identity;
    return store;
  }

  [[nodiscard]] std::size_t size() const { return n_; }
  [[nodiscard]] std::size_t dim() const { return dim_; }
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

  // Row nodes[i] goes to out[i * dim ..]; nodes ascend. One call of the function, in the calling thread. Errors: the
  // function's; not_finite (value: the row), also for a row that the function did not write.
  [[nodiscard]] expected<void> read(std::span<const node> nodes, std::span<float> out) {
    THIMBLE_ASSERT(out.size() >= nodes.size() * dim_);
    if (nodes.empty()) return {};
    out = out.first(nodes.size() * dim_);
    std::ranges::fill(out, std::numeric_limits<float>::quiet_NaN());
    if (expected<void> made = make_(nodes, out); !made) return made;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (!is_finite(out.subspan(i * dim_, dim_)))
        return fail(errc::not_finite, "the function made a vector with NaN, infinity or a value beyond 1e15", nodes[i]);
    return {};
  }

 private:
  recompute_store(Function make, std::size_t n, std::size_t dim, std::uint64_t fingerprint)
      : make_(std::move(make)), n_(n), dim_(dim), fingerprint_(fingerprint) {}

  Function make_;
  std::size_t n_;
  std::size_t dim_;
  std::uint64_t fingerprint_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
