// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thimble/simd/dispatch.hpp>
#include <vector>

namespace thimble {
namespace {

constexpr simd::isa all_sets[] = {simd::isa::scalar, simd::isa::avx2, simd::isa::avx512, simd::isa::wasm_simd128,
                                  simd::isa::wasm_relaxed};

bool is_attainable(simd::isa set) { return std::ranges::count(simd::attainable(), set) == 1; }

TEST(dispatch, scalar_runs_everywhere) { EXPECT_TRUE(is_attainable(simd::isa::scalar)); }

TEST(dispatch, automatic_is_the_best_that_runs) {
  const auto kernels = simd::kernels_for(simd::isa::automatic);
  ASSERT_TRUE(kernels.has_value());
  EXPECT_EQ((*kernels)->set, simd::best());
  EXPECT_TRUE(is_attainable(simd::best()));
}

TEST(dispatch, every_attainable_set_is_given_when_asked_for) {
  for (const simd::isa set : simd::attainable()) {
    const auto kernels = simd::kernels_for(set);
    ASSERT_TRUE(kernels.has_value()) << name(set);
    EXPECT_EQ((*kernels)->set, set);
    EXPECT_EQ(*kernels, *simd::kernels_for(set)) << "one table a set";
  }
}

TEST(dispatch, a_set_that_cannot_run_is_refused_by_name) {
  for (const simd::isa set : all_sets) {
    if (is_attainable(set)) continue;
    const auto kernels = simd::kernels_for(set);
    ASSERT_FALSE(kernels.has_value()) << name(set);
    EXPECT_EQ(kernels.error().code, errc::unsupported);
    EXPECT_NE(std::string(kernels.error().message).find("isa::automatic"), std::string::npos);
  }
}

TEST(dispatch, a_number_that_names_no_set_is_refused) {
  const auto kernels = simd::kernels_for(static_cast<simd::isa>(200));
  ASSERT_FALSE(kernels.has_value());
  EXPECT_EQ(kernels.error().code, errc::invalid_argument);
}

// A binary compiled for a set runs only where that set does.
TEST(dispatch, what_the_compiler_was_told_is_attainable) {
#if defined(__AVX2__)
  EXPECT_TRUE(is_attainable(simd::isa::avx2));
#endif
#if defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__AVX512VNNI__)
  EXPECT_TRUE(is_attainable(simd::isa::avx512));
#endif
  EXPECT_EQ(is_attainable(simd::isa::wasm_simd128), THIMBLE_WASM_SIMD == 1);
  // Engines whose relaxed dot product is not exact fall back; those that run these tests have an exact one.
  EXPECT_EQ(is_attainable(simd::isa::wasm_relaxed), THIMBLE_WASM_RELAXED == 1);
}

TEST(dispatch, detection_agrees_with_the_operating_system) {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line) && !line.starts_with("flags")) {
  }
  if (!file || !THIMBLE_X86) GTEST_SKIP() << "no flags in /proc/cpuinfo";
  std::istringstream words(line);
  const std::vector<std::string> flags(std::istream_iterator<std::string>{words}, {});
  const auto has = [&](const char* flag) { return std::ranges::count(flags, flag) > 0; };
  EXPECT_EQ(is_attainable(simd::isa::avx2), has("avx2"));
  EXPECT_EQ(is_attainable(simd::isa::avx512),
            has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl") && has("avx512_vnni"));
}

}  // namespace
}  // namespace thimble
