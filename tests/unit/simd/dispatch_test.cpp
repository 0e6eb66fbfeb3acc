// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <thimble/simd/dispatch.hpp>
#include <vector>

namespace thimble {
namespace {

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
  for (const simd::isa set : simd::all_isas) {
    if (set == simd::isa::automatic || is_attainable(set)) continue;
    const auto kernels = simd::kernels_for(set);
    ASSERT_FALSE(kernels.has_value()) << name(set);
    EXPECT_EQ(kernels.error().code, errc::unsupported);
    EXPECT_NE(std::string(kernels.error().message).find("isa::automatic"), std::string::npos);
  }
}

TEST(dispatch, every_set_is_found_by_its_name) {
  for (const simd::isa set : simd::all_isas) {
    const auto found = simd::parse_isa(name(set));
    ASSERT_TRUE(found.has_value()) << name(set);
    EXPECT_EQ(*found, set);
  }
}

TEST(dispatch, a_name_of_no_set_is_refused_with_the_choices) {
  for (const char* text : {"", "AVX2", "avx", "avx2 ", "unknown"}) {
    const auto found = simd::parse_isa(text);
    ASSERT_FALSE(found.has_value()) << text;
    EXPECT_EQ(found.error().code, errc::invalid_argument);
    for (const simd::isa set : simd::all_isas)
      EXPECT_NE(std::string_view(found.error().message).find(name(set)), std::string_view::npos) << name(set);
  }
}

TEST(dispatch, a_number_that_names_no_set_is_refused) {
  const auto kernels = simd::kernels_for(static_cast<simd::isa>(200));
  ASSERT_FALSE(kernels.has_value());
  EXPECT_EQ(kernels.error().code, errc::invalid_argument);
}

// A binary compiled for a set runs only where that set does.
TEST(dispatch, what_the_compiler_was_told_is_attainable) {
#if defined(__AVX2__) && defined(__F16C__)
  EXPECT_TRUE(is_attainable(simd::isa::avx2));
#endif
#if defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__AVX512VNNI__)
  EXPECT_TRUE(is_attainable(simd::isa::avx512));
#endif
#if defined(__ARM_FEATURE_DOTPROD)
  EXPECT_TRUE(is_attainable(simd::isa::neon_dotprod));
#endif
  EXPECT_EQ(is_attainable(simd::isa::neon), THIMBLE_NEON == 1);
  EXPECT_EQ(is_attainable(simd::isa::wasm_simd128), THIMBLE_WASM_SIMD == 1);
  // Engines whose relaxed dot product is not exact fall back; those that run these tests have an exact one.
  EXPECT_EQ(is_attainable(simd::isa::wasm_relaxed), THIMBLE_WASM_RELAXED == 1);
}

TEST(dispatch, detection_agrees_with_the_operating_system) {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line) && !line.starts_with("flags") && !line.starts_with("Features")) {
  }
  if (!file || !(THIMBLE_X86 || THIMBLE_NEON)) GTEST_SKIP() << "no flags in /proc/cpuinfo";
  std::istringstream words(line);
  const std::vector<std::string> flags(std::istream_iterator<std::string>{words}, {});
  const auto has = [&](const char* flag) { return std::ranges::count(flags, flag) > 0; };
  const bool avx2 = has("avx2") && has("f16c");
  EXPECT_EQ(is_attainable(simd::isa::avx2), avx2);
  EXPECT_EQ(is_attainable(simd::isa::avx512),
            avx2 && has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl") && has("avx512_vnni"));
  EXPECT_EQ(is_attainable(simd::isa::neon_dotprod), has("asimddp"));
}

}  // namespace
}  // namespace thimble
