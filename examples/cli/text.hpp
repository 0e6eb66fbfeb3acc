// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Numbers as people read them, a table, and standard output that notices a full disk.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::cli {

[[nodiscard]] std::string fixed(double value, int decimals);
[[nodiscard]] std::string with_commas(std::uint64_t value);     // 60,000
[[nodiscard]] std::string readable_bytes(std::uint64_t bytes);  // 46.3 MiB
[[nodiscard]] std::string readable_seconds(double seconds);     // 850 ms, 12.3 s, 4 min 05 s

// To a number of decimals, so that JSON shows what was measured and no more.
[[nodiscard]] double rounded(double value, int decimals);

// Null where there is none, else as it is meant: .12 and not .11999999731779099.
[[nodiscard]] nlohmann::ordered_json number_or_null(std::optional<float> value);

// Control characters become '?': one line stays one line, whatever a file is called.
[[nodiscard]] std::string one_line(std::string_view text);

// Throws a failure when standard output cannot take it (a full disk).
void print(std::string_view text);

// Right-aligned columns of at least this width, two spaces apart.
class table {
 public:
  struct column {
    std::string_view head;
    std::size_t width;
  };
  table(std::initializer_list<column> columns) : columns_(columns) {}
  [[nodiscard]] std::string head() const;
  [[nodiscard]] std::string row(std::initializer_list<std::string> cells) const;

 private:
  std::vector<column> columns_;
};

}  // namespace thimble::cli
