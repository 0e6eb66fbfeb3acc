// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <thimble/metric/checked_rows.hpp>
#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"

namespace thimble {
namespace {

using test::code_of;

static_assert(row_source<checked_rows<matrix_view<float>>>);

class checked : public ::testing::Test {
 protected:
  checked_rows<matrix_view<float>> with(metric m) const {
    return {view_, m, **simd::kernels_for(simd::isa::automatic)};
  }

  std::vector<float> values_{3, 4, 0, 0, std::numeric_limits<float>::quiet_NaN(), 1, 1e16f, 1};
  matrix_view<float> view_{values_.data(), 4, 2};
  std::array<float, 2> scratch_{};
};

TEST_F(checked, good_rows_of_l2_and_inner_product_pass_in_place) {
  for (const metric m : {metric::l2, metric::inner_product}) {
    const auto rows = with(m);
    EXPECT_EQ(rows.size(), 4u);
    EXPECT_EQ(rows.dim(), 2u);
    EXPECT_EQ(rows.row(0, scratch_)->data(), values_.data());
    EXPECT_EQ(rows.row(1, scratch_)->data(), values_.data() + 2);
  }
}

TEST_F(checked, cosine_rows_come_normalised_in_the_scratch_and_the_users_stay_as_they_are) {
  const auto row = with(metric::cosine).row(0, scratch_);
  ASSERT_TRUE(test::succeeded(row));
  EXPECT_EQ(row->data(), scratch_.data());
  EXPECT_FLOAT_EQ(scratch_[0], 0.6f);
  EXPECT_FLOAT_EQ(scratch_[1], 0.8f);
  EXPECT_EQ(values_[0], 3.0f);
}

TEST_F(checked, bad_rows_are_named_with_their_number) {
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
    for (const std::size_t i : {2u, 3u}) {
      const auto row = with(m).row(i, scratch_);
      ASSERT_EQ(code_of(row), errc::not_finite);
      EXPECT_EQ(row.error().value, i);
    }
  }
  const auto zero = with(metric::cosine).row(1, scratch_);
  ASSERT_EQ(code_of(zero), errc::zero_vector);
  EXPECT_EQ(zero.error().value, 1u);
}

TEST_F(checked, an_error_of_the_rows_comes_back) {
  const test::failing_rows broken(view_, 0);
  const checked_rows<test::failing_rows> rows(broken, metric::l2, **simd::kernels_for(simd::isa::automatic));
  EXPECT_EQ(code_of(rows.row(0, scratch_)), errc::corrupt);
}

}  // namespace
}  // namespace thimble
