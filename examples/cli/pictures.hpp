// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Results that are pictures (square rows of unsigned bytes) as pictures: in the terminal, or as a file.

#pragma once

#include <thimble/store/mmap_store.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace thimble::cli {

// Square, grey, rows from top to bottom.
struct picture {
  std::size_t side = 0;
  std::vector<std::uint8_t> grey;
};

// The side of the pictures that the rows of this file are, or 0.
[[nodiscard]] std::size_t picture_side(const mmap_store& rows);

[[nodiscard]] picture picture_of(std::span<const float> row);

// A query and what was found for it.
struct picture_row {
  picture query;
  std::vector<picture> hits;
};

// The query at the left, hits to the right, as many as fit: two pixels a character, in grey where the terminal has
// colours, else in characters of different weight.
[[nodiscard]] std::string drawing(const picture_row& row);

// One row of pictures for each query. PNG, or PGM by the name's ending. Throws a failure.
void write_contact_sheet(const std::string& path, std::span<const picture_row> rows);

}  // namespace thimble::cli
