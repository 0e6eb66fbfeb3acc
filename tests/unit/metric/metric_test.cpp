// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/metric/metric.hpp>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

TEST(metric, names_are_read_back) {
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
    const auto parsed = parse_metric(name(m));
    ASSERT_TRUE(test::succeeded(parsed));
    EXPECT_EQ(*parsed, m);
  }
}

TEST(metric, an_unknown_name_is_an_error) {
  for (const char* text : {"", "L2", "l2 ", "euclid", "inner_product"})
    EXPECT_EQ(test::code_of(parse_metric(text)), errc::wrong_metric) << text;
}

}  // namespace
}  // namespace thimble
