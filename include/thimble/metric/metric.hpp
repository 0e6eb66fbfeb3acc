// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The three metrics. Smaller is nearer everywhere: l2 is the squared Euclidean distance |q - x|^2, inner_product is
// 1 - <q, x> (as hnswlib has it), cosine is 1 - <q, x> / (|q| |x|).

#pragma once

#include <cstdint>
#include <string_view>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS {

enum class metric : std::uint8_t { l2, inner_product, cosine };

[[nodiscard]] constexpr std::string_view name(metric m) {
  switch (m) {
    case metric::l2:
      return "l2";
    case metric::inner_product:
      return "ip";
    case metric::cosine:
      return "cosine";
  }
  return "unknown";
}

// "l2", "ip" or "cosine". Error: wrong_metric.
[[nodiscard]] constexpr expected<metric> parse_metric(std::string_view text) {
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine})
    if (text == name(m)) return m;
  return fail(errc::wrong_metric, "unknown metric: use l2, ip or cosine");
}

}  // namespace thimble::inline THIMBLE_FLAGS
