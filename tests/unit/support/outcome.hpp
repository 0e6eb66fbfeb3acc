// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Expectations of std::expected: EXPECT_TRUE(succeeded(x)) tells the error, EXPECT_EQ(code_of(x), errc::corrupt) its
// name.

#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <thimble/core/error.hpp>
#include <thimble/simd/isa.hpp>

namespace thimble {

inline void PrintTo(errc code, std::ostream* out) { *out << name(code); }

namespace simd {
inline void PrintTo(isa set, std::ostream* out) { *out << name(set); }
}  // namespace simd

namespace test {

template <class T>
[[nodiscard]] ::testing::AssertionResult succeeded(const expected<T>& outcome) {
  if (outcome) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << name(outcome.error().code) << ": " << outcome.error().message << " ("
                                       << outcome.error().value << ")";
}

// Nothing where there is no error. An error without a sentence for people is a failure of its own.
template <class T>
[[nodiscard]] std::optional<errc> code_of(const expected<T>& outcome) {
  if (outcome) return std::nullopt;
  EXPECT_NE(outcome.error().message, nullptr);
  EXPECT_STRNE(outcome.error().message, "");
  return outcome.error().code;
}

}  // namespace test
}  // namespace thimble
