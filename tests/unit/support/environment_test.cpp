// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include "unit/support/environment.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thimble/quant/float32.hpp>

#include "unit/support/coded.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

// Else a run with THIMBLE_SIMD would prove nothing of the set that it names.
TEST(environment, the_instruction_set_that_was_asked_for_is_the_one_that_runs) {
  const char* text = std::getenv("THIMBLE_SIMD");
  const simd::isa ran = test::coded<float32>::kernels().set;
  EXPECT_EQ(ran, text == nullptr ? simd::best() : *simd::parse_isa(text));
  EXPECT_EQ(test::coded<float32>::kernels(simd::isa::scalar).set, simd::isa::scalar);
}

}  // namespace
}  // namespace thimble
