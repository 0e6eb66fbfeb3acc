// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The header of NumPy's .npy files, versions 1 to 3: a Python dict in text, with exactly the keys descr, fortran_order
// and shape in any order. (numpy.lib.format, "Format Specification")

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// A key or a type of values; longer ones compare unequal to everything.
class npy_text {
 public:
  constexpr void push(char c) {
    if (size_ < text_.size()) text_[size_] = c;
    if (size_ <= text_.size()) ++size_;
  }
  friend constexpr bool operator==(const npy_text& a, std::string_view b) {
    return a.size_ <= a.text_.size() && std::string_view(a.text_.data(), a.size_) == b;
  }

 private:
  std::array<char, 15> text_{};
  std::size_t size_ = 0;
};

struct npy_header {
  npy_text descr;
  bool fortran_order = false;
  std::size_t n_dims = 0;
  std::array<std::uint64_t, 2> shape{};  // the first two dimensions
  std::uint64_t offset = 0;              // of the values in the file
};

// Reads tokens from left to right, over white space; what does not match is left where it is.
class npy_cursor {
 public:
  explicit constexpr npy_cursor(std::span<const std::byte> text) : rest_(text) {}

  [[nodiscard]] constexpr char peek() {
    while (!rest_.empty() && (front() == ' ' || front() == '\n' || front() == '\t' || front() == '\r'))
      rest_ = rest_.subspan(1);
    return rest_.empty() ? '\0' : front();
  }

  [[nodiscard]] constexpr bool take(char c) {
    if (peek() != c || rest_.empty()) return false;
    rest_ = rest_.subspan(1);
    return true;
  }

  [[nodiscard]] constexpr bool take(std::string_view word) {
    (void)peek();
    if (rest_.size() < word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i)
      if (std::to_integer<char>(rest_[i]) != word[i]) return false;
    rest_ = rest_.subspan(word.size());
    return true;
  }

  // A text in single or double quotes, without escapes.
  [[nodiscard]] constexpr bool take_text(npy_text& text) {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return false;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      const char c = std::to_integer<char>(rest_[i]);
      if (c == quote) {
        rest_ = rest_.subspan(i + 1);
        return true;
      }
      text.push(c);
    }
    return false;
  }

  // Below 2^53; an L behind it is Python 2's.
  [[nodiscard]] constexpr std::optional<std::uint64_t> take_number() {
    if (peek() < '0' || peek() > '9') return std::nullopt;
    std::uint64_t value = 0;
    while (!rest_.empty() && front() >= '0' && front() <= '9') {
      value = value * 10 + static_cast<std::uint64_t>(front() - '0');
      if (value >= std::uint64_t{1} << 53) return std::nullopt;
      rest_ = rest_.subspan(1);
    }
    if (!rest_.empty() && front() == 'L') rest_ = rest_.subspan(1);
    return value;
  }

 private:
  [[nodiscard]] constexpr char front() const { return std::to_integer<char>(rest_.front()); }

  std::span<const std::byte> rest_;
};

// (), (3,), (3, 4), ...
[[nodiscard]] constexpr bool take_shape(npy_cursor& text, npy_header& header) {
  if (!text.take('(')) return false;
  while (!text.take(')')) {
    const auto size = text.take_number();
    if (!size) return false;
    if (header.n_dims < header.shape.size()) header.shape[header.n_dims] = *size;
    ++header.n_dims;
    if (!text.take(',') && text.peek() != ')') return false;
  }
  return true;
}

[[nodiscard]] constexpr bool take_dict(npy_cursor& text, npy_header& header) {
  enum : unsigned { descr = 1, fortran_order = 2, shape = 4 };
  unsigned seen = 0;
  if (!text.take('{')) return false;
  while (!text.take('}')) {
    npy_text name;
    if (!text.take_text(name) || !text.take(':')) return false;
    unsigned key = 0;
    if (name == "descr") {
      key = descr;
      if (!text.take_text(header.descr)) return false;
    } else if (name == "fortran_order") {
      key = fortran_order;
      header.fortran_order = text.take("True");
      if (!header.fortran_order && !text.take("False")) return false;
    } else if (name == "shape") {
      key = shape;
      if (!take_shape(text, header)) return false;
    } else {
      return false;
    }
    if ((seen & key) != 0) return false;
    seen |= key;
    if (!text.take(',') && text.peek() != '}') return false;
  }
  return seen == (descr | fortran_order | shape);
}

// Errors: truncated, corrupt, unsupported (a later version, a header of more than max_bytes).
[[nodiscard]] constexpr expected<npy_header> parse_npy_header(std::span<const std::byte> head, std::uint64_t file_size,
                                                              std::size_t max_bytes) {
  constexpr std::array<unsigned, 6> magic{0x93, 'N', 'U', 'M', 'P', 'Y'};
  const auto byte = [head](std::size_t i) { return std::to_integer<std::uint32_t>(head[i]); };
  const auto truncated = fail(errc::truncated, "the file ends within its header: copy it again", file_size);
  for (std::size_t i = 0; i < magic.size() && i < head.size(); ++i)
    if (byte(i) != magic[i]) return fail(errc::corrupt, "not an npy file: save the array with numpy.save");
  if (head.size() < 10) return truncated;
  const std::uint32_t version = byte(6);
  if (version < 1 || version > 3)
    return fail(errc::unsupported, "a version of npy this program does not know: save the array with numpy.save",
                version);
  const std::size_t text_begin = version == 1 ? 10 : 12;
  if (head.size() < text_begin) return truncated;
  std::uint64_t text_bytes = byte(8) | byte(9) << 8;
  if (version > 1) text_bytes |= byte(10) << 16 | byte(11) << 24;
  if (text_begin + text_bytes > max_bytes)
    return fail(errc::unsupported, "an npy header of unusual length: save the array again with numpy.save", text_bytes);
  if (text_begin + text_bytes > head.size()) return truncated;

  npy_header header;
  header.offset = text_begin + text_bytes;
  npy_cursor text(head.subspan(text_begin, static_cast<std::size_t>(text_bytes)));
  if (!take_dict(text, header) || text.peek() != '\0')
    return fail(errc::corrupt,
                "cannot read the npy header: a plain array of numbers, saved with numpy.save, is needed");
  return header;
}

}  // namespace thimble::inline THIMBLE_FLAGS::detail
