// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/memory_store.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace thimble {
namespace {

TEST(memory_store, rows_are_the_users_own) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const auto store = memory_store<float>::create({values.data(), 3, 2});
  ASSERT_TRUE(store.has_value());
  EXPECT_EQ(store->size(), 3u);
  EXPECT_EQ(store->dim(), 2u);
  const auto row = store->row(2, {});
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->data(), values.data() + 4);
}

TEST(memory_store, bytes_become_floats) {
  const std::vector<std::uint8_t> values{1, 2, 255, 4};
  const auto store = memory_store<std::uint8_t>::create({values.data(), 2, 2});
  ASSERT_TRUE(store.has_value());
  std::array<float, 2> scratch{};
  EXPECT_EQ((*store->row(1, scratch))[0], 255.0f);
}

TEST(memory_store, the_same_values_have_the_same_fingerprint_whatever_their_type) {
  const std::vector<float> floats{1, 2, 3, 4};
  const std::vector<std::uint8_t> bytes{1, 2, 3, 4};
  const auto a = memory_store<float>::create({floats.data(), 2, 2});
  const std::vector<std::int8_t> signed_bytes{1, 2, 3, 4};
  const std::vector<half> halfs{{0x3c00}, {0x4000}, {0x4200}, {0x4400}};
  const std::vector<bfloat16> bfloats{{0x3f80}, {0x4000}, {0x4040}, {0x4080}};
  EXPECT_EQ(memory_store<std::uint8_t>::create({bytes.data(), 2, 2})->fingerprint(), a->fingerprint());
  EXPECT_EQ(memory_store<std::int8_t>::create({signed_bytes.data(), 2, 2})->fingerprint(), a->fingerprint());
  EXPECT_EQ(memory_store<half>::create({halfs.data(), 2, 2})->fingerprint(), a->fingerprint());
  EXPECT_EQ(memory_store<bfloat16>::create({bfloats.data(), 2, 2})->fingerprint(), a->fingerprint());
}

TEST(memory_store, another_order_value_or_shape_has_another_fingerprint) {
  const std::vector<float> values{1, 2, 3, 4};
  const std::vector<float> swapped{3, 4, 1, 2};
  const std::vector<float> changed{1, 2, 3, 5};
  const auto identity = [](const std::vector<float>& v, std::size_t n) {
    return memory_store<float>::create({v.data(), n, v.size() / n})->fingerprint();
  };
  EXPECT_NE(identity(values, 2), identity(swapped, 2));
  EXPECT_NE(identity(values, 2), identity(changed, 2));
  EXPECT_NE(identity(values, 2), identity(values, 1));
}

TEST(memory_store, of_nothing_is_empty) {
  const auto store = memory_store<float>::create({});
  ASSERT_TRUE(store.has_value());
  EXPECT_EQ(store->size(), 0u);
}

}  // namespace
}  // namespace thimble
