// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Which type is which kind of store is decided when it is compiled.

#include <gtest/gtest.h>

#include <cstddef>
#include <limits>

#include <thimble/store/memory_store.hpp>
#include <thimble/store/mmap_store.hpp>
#include <thimble/store/store.hpp>

#include "unit/support/archetypes.hpp"

namespace thimble {
namespace {

static_assert(store<test::minimal_row_store> && store<test::minimal_batch_store> && !store<test::minimal_async_store>);
static_assert(store<memory_store<float>> && store<memory_store<half>> && store<memory_store<std::uint8_t>>);
#if THIMBLE_POSIX
static_assert(store<mmap_store> && row_store<mmap_store>);
#endif
// Rows without an identity could be anybody's.
static_assert(!store<matrix_view<float>> && row_source<matrix_view<float>>);
static_assert(!store_base<int>);

TEST(rows_at_once, are_a_few_in_memory_all_with_a_latency_and_what_a_store_says_itself) {
  EXPECT_EQ(rows_at_once(test::minimal_row_store(1)), 4u);
  EXPECT_EQ(rows_at_once(test::minimal_batch_store(1)), std::numeric_limits<std::size_t>::max());
  EXPECT_EQ(rows_at_once(test::minimal_async_store(1)), std::numeric_limits<std::size_t>::max());
  struct batches_without_latency : test::minimal_batch_store {
    using test::minimal_batch_store::minimal_batch_store;
    [[nodiscard]] static unsigned rows_at_once() { return 8; }
  };
  EXPECT_EQ(rows_at_once(batches_without_latency(1)), 8u);
}

TEST(completion, calls_with_its_context_and_the_outcome) {
  int seen = 0;
  const completion then{&seen,
                        [](void* context, expected<void> outcome) { *static_cast<int*>(context) = outcome ? 1 : 2; }};
  then({});
  EXPECT_EQ(seen, 1);
  then(fail(errc::cannot_read, "no"));
  EXPECT_EQ(seen, 2);
}

}  // namespace
}  // namespace thimble
