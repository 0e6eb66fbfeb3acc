// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include "pictures.hpp"

#include <png.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "failure.hpp"

namespace thimble::cli {

namespace {

std::size_t terminal_columns() {
  struct winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 120;
}

bool terminal_has_colours() {
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr && term != nullptr &&
         std::string_view(term) != "dumb";
}

// The mean of the part of the picture that pixel (x, y) of a smaller one covers, edges counted by their share.
double mean_of(const picture& p, std::size_t x, std::size_t y, std::size_t smaller_side) {
  const double scale = static_cast<double>(p.side) / static_cast<double>(smaller_side);
  const auto share = [scale](std::size_t small, std::size_t large) {
    const auto s = static_cast<double>(small);
    const auto l = static_cast<double>(large);
    return std::max(0.0, std::min((s + 1) * scale, l + 1) - std::max(s * scale, l));
  };
  double sum = 0;
  double weight = 0;
  for (auto j = static_cast<std::size_t>(static_cast<double>(y) * scale); j < p.side && share(y, j) > 0; ++j)
    for (auto i = static_cast<std::size_t>(static_cast<double>(x) * scale); i < p.side && share(x, i) > 0; ++i) {
      const double w = share(x, i) * share(y, j);
      sum += w * p.grey[j * p.side + i];
      weight += w;
    }
  return weight > 0 ? sum / weight : 0;
}

picture resized(const picture& p, std::size_t side) {
  picture small{.side = side, .grey = std::vector<std::uint8_t>(side * side)};
  for (std::size_t y = 0; y < side; ++y)
    for (std::size_t x = 0; x < side; ++x)
      small.grey[y * side + x] = static_cast<std::uint8_t>(std::lround(mean_of(p, x, y, side)));
  return small;
}

// 24 greys of the 256-colour palette.
int grey_colour(std::uint8_t grey) { return 232 + grey * 24 / 256; }

void append_line(std::string& text, const picture& p, std::size_t y, bool colours) {
  constexpr std::string_view weights = " .:-=+*#%@";
  for (std::size_t x = 0; x < p.side; ++x) {
    const std::uint8_t upper = p.grey[y * p.side + x];
    const std::uint8_t lower = y + 1 < p.side ? p.grey[(y + 1) * p.side + x] : std::uint8_t{0};
    if (colours)
      text += "\x1b[38;5;" + std::to_string(grey_colour(upper)) + ";48;5;" + std::to_string(grey_colour(lower)) + "m▀";
    else
      text += weights[static_cast<std::size_t>(upper + lower) * weights.size() / 511];
  }
  if (colours) text += "\x1b[0m";
}

void write_png(const std::string& path, const std::vector<std::uint8_t>& grey, std::size_t width, std::size_t height) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_GRAY;
  if (png_image_write_to_file(&image, path.c_str(), 0, grey.data(), 0, nullptr) == 0)
    throw failure(path, "cannot write the picture: " + std::string(image.message));
}

void write_pgm(const std::string& path, const std::vector<std::uint8_t>& grey, std::size_t width, std::size_t height) {
  std::ofstream file(path, std::ios::binary);
  file << "P5\n" << width << ' ' << height << "\n255\n";
  file.write(reinterpret_cast<const char*>(grey.data()), static_cast<std::streamsize>(grey.size()));
  if (!file.flush()) throw failure(path, "cannot write the picture");
}

}  // namespace

std::size_t picture_side(const mmap_store& rows) {
  if (rows.layout().type != element_type::uint8) return 0;
  const auto side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(rows.dim()))));
  return side * side == rows.dim() && side >= 8 ? side : 0;
}

picture picture_of(std::span<const float> row) {
  picture p{.side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(row.size())))), .grey = {}};
  for (const float value : row) p.grey.push_back(static_cast<std::uint8_t>(value));
  return p;
}

std::string drawing(const picture_row& row) {
  // The query and six hits at least, if their sides stay recognisable.
  constexpr std::size_t least_side = 12;
  const std::size_t columns = terminal_columns();
  const std::size_t side = std::min(row.query.side, std::max(least_side, columns / 7 - 2));
  const std::size_t n_hits = std::min(row.hits.size(), std::max<std::size_t>(2, columns / (side + 1)) - 1);
  const bool colours = terminal_has_colours();

  std::vector<picture> shown{resized(row.query, side)};
  for (std::size_t i = 0; i < n_hits; ++i) shown.push_back(resized(row.hits[i], side));
  std::string text;
  for (std::size_t y = 0; y < side; y += 2) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
      append_line(text, shown[i], y, colours);
      text += i == 0 ? " | " : " ";
    }
    text += '\n';
  }
  return text;
}

void write_contact_sheet(const std::string& path, std::span<const picture_row> rows) {
  if (rows.empty()) return;
  constexpr std::size_t scale = 3;
  constexpr std::size_t gap = 6;
  constexpr std::size_t gap_after_query = 24;
  constexpr std::uint8_t paper = 255;
  const std::size_t cell = rows.front().query.side * scale;
  std::size_t most_hits = 0;
  for (const picture_row& row : rows) most_hits = std::max(most_hits, row.hits.size());
  const std::size_t width = gap + cell + gap_after_query + most_hits * (cell + gap);
  const std::size_t height = gap + rows.size() * (cell + gap);

  std::vector<std::uint8_t> sheet(width * height, paper);
  const auto place = [&](const picture& p, std::size_t left, std::size_t top) {
    for (std::size_t y = 0; y < p.side * scale; ++y)
      for (std::size_t x = 0; x < p.side * scale; ++x)
        sheet[(top + y) * width + left + x] = p.grey[y / scale * p.side + x / scale];
  };
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::size_t top = gap + r * (cell + gap);
    place(rows[r].query, gap, top);
    for (std::size_t h = 0; h < rows[r].hits.size(); ++h)
      place(rows[r].hits[h], gap + cell + gap_after_query + h * (cell + gap), top);
  }
  if (detail::ends_with_any_case(path, ".pgm"))
    write_pgm(path, sheet, width, height);
  else
    write_png(path, sheet, width, height);
}

}  // namespace thimble::cli
