// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include "text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "failure.hpp"

namespace thimble::cli {

std::string fixed(double value, int decimals) {
  std::array<char, 400> digits{};
  const int length = std::snprintf(digits.data(), digits.size(), "%.*f", decimals, value);
  return {digits.data(), static_cast<std::size_t>(std::max(length, 0))};
}

std::string with_commas(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t from_end = 3; from_end < digits.size(); from_end += 4)
    digits.insert(digits.size() - from_end, 1, ',');
  return digits;
}

std::string readable_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return fixed(value, 1) + " " + std::string(units[unit]);
}

std::string readable_seconds(double seconds) {
  if (seconds < 1) return fixed(seconds * 1e3, 0) + " ms";
  if (seconds < 60) return fixed(seconds, 1) + " s";
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

double rounded(double value, int decimals) {
  const double scale = std::pow(10.0, decimals);
  return std::round(value * scale) / scale;
}

nlohmann::ordered_json number_or_null(std::optional<float> value) {
  return value ? nlohmann::ordered_json(rounded(static_cast<double>(*value), 6)) : nlohmann::ordered_json(nullptr);
}

std::string one_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return line;
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw failure("standard output", "cannot be written to: is the disk full?");
}

std::string table::head() const {
  std::string line;
  for (const column& c : columns_) {
    line.append(std::max(c.width, c.head.size()) + 2 - c.head.size(), ' ');
    line += c.head;
  }
  return line + "\n";
}

std::string table::row(std::initializer_list<std::string> cells) const {
  std::string line;
  const column* c = columns_.data();
  for (const std::string& cell : cells) {
    const std::size_t width = std::max({c->width, c->head.size(), cell.size()});
    line.append(width + 2 - cell.size(), ' ');
    line += cell;
    ++c;
  }
  return line + "\n";
}

}  // namespace thimble::cli
