// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/widen.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace thimble {
namespace {

// The bytes of `narrow` at the end of as many floats, widened.
template <class T>
std::vector<float> widened(element_type type, const std::vector<T>& narrow) {
  std::vector<float> values(narrow.size());
  const std::size_t bytes = narrow.size() * sizeof(T);
  std::memcpy(reinterpret_cast<std::byte*>(values.data() + values.size()) - bytes, narrow.data(), bytes);
  detail::widen_from_end(type, values);
  return values;
}

TEST(widen, turns_values_at_the_end_of_their_place_into_floats_in_all_of_it) {
  for (const std::size_t n : {1u, 2u, 255u, 256u, 257u, 3000u}) {
    std::vector<half> halfs(n);
    std::vector<std::uint8_t> bytes(n);
    std::vector<float> floats(n);
    for (std::size_t i = 0; i < n; ++i) {
      bytes[i] = static_cast<std::uint8_t>(i * 7);
      floats[i] = static_cast<float>(i) / 8 - 100;
      halfs[i] = half::nearest(floats[i]);
    }
    EXPECT_EQ(widened(element_type::float32, floats), floats);
    EXPECT_EQ(widened(element_type::uint8, bytes), std::vector<float>(bytes.begin(), bytes.end()));
    const auto from_halfs = widened(element_type::float16, halfs);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(from_halfs[i], static_cast<float>(halfs[i])) << i << " of " << n;
  }
}

}  // namespace
}  // namespace thimble
