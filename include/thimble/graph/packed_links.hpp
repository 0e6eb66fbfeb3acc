// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Lists of links in few bits, for a graph that does not change any more. A list is sorted; its first link is stored as
// the difference from the node itself (zigzag), each other as the difference from the one before, less 1. A difference
// takes one of four widths, and two bits say which: far links do not widen near ones. After a renumbering that puts
// neighbours side by side (build/locality_order.hpp) a list of 14 links takes 18 bytes, one of 22 36, against 128 in
// rows of fixed degree; and 4 for where it begins.
//
//     list: count (8 bits) | width class of each link (2 bits) | differences, low bits first, in the links' order
//
// Reads never go behind the last list: 8 bytes of zeros follow it.

#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/graph.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Widths of the four classes, narrow to wide.
using link_widths = std::array<std::uint8_t, 4>;

namespace detail {

// A link's difference from what comes before it: the node for the first link, the link before it for the others.
[[nodiscard]] constexpr std::uint64_t first_difference(node x, node link) {
  const std::int64_t difference = std::int64_t{link} - std::int64_t{x};
  return static_cast<std::uint64_t>(difference < 0 ? -2 * difference - 1 : 2 * difference);
}
[[nodiscard]] constexpr std::int64_t first_link(node x, std::uint64_t difference) {
  const auto half = static_cast<std::int64_t>(difference >> 1);
  return std::int64_t{x} + ((difference & 1) != 0 ? -half - 1 : half);
}

[[nodiscard]] constexpr unsigned class_of(const link_widths& widths, std::uint64_t difference) {
  unsigned c = 0;
  while (c < 3 && difference >> widths[c] != 0) ++c;
  return c;
}

// Bits from low to high into bytes that are zero, as are the 8 behind each that is written.
class bit_writer {
 public:
  explicit bit_writer(std::byte* to) : to_(to) {}
  // At most 57 bits.
  void write(std::uint64_t value, unsigned bits) {
    std::uint64_t word;
    std::memcpy(&word, to_ + at_ / 8, sizeof word);
    word |= value << (at_ % 8);
    std::memcpy(to_ + at_ / 8, &word, sizeof word);
    at_ += bits;
  }

 private:
  std::byte* to_;
  std::size_t at_ = 0;
};

}  // namespace detail

// The widths that take the fewest bits for so many differences of each size: sizes[b] of them have b bits (0..32).
[[nodiscard]] constexpr link_widths best_widths(const std::array<std::uint64_t, 33>& sizes) {
  unsigned most = 1;
  for (unsigned b = 1; b <= 32; ++b)
    if (sizes[b] != 0) most = b;
  const auto bits_within = [&](unsigned above, unsigned width) {
    std::uint64_t n = 0;
    for (unsigned b = above; b <= width; ++b) n += sizes[b];
    return n * width;
  };
  link_widths best{};
  auto least = std::numeric_limits<std::uint64_t>::max();
  for (unsigned a = 1; a <= most; ++a)
    for (unsigned b = a; b <= most; ++b)
      for (unsigned c = b; c <= most; ++c) {
        const std::uint64_t bits =
            bits_within(0, a) + bits_within(a + 1, b) + bits_within(b + 1, c) + bits_within(c + 1, most);
        if (bits >= least) continue;
        least = bits;
        best = {static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b), static_cast<std::uint8_t>(c),
                static_cast<std::uint8_t>(most)};
      }
  return best;
}

class packed_links {
 public:
  static constexpr std::size_t slack = 8;
  static constexpr std::size_t max_links = 2 * max_m;

  packed_links() = default;

  // links_of(x) -> the links of x, ascending, without x and without repetition, at most max_links; called twice for
  // each of n nodes. Errors: out_of_memory, too_large (4 GiB of lists).
  template <class LinksOf>
  [[nodiscard]] static expected<packed_links> pack(std::size_t n, LinksOf&& links_of) {
    std::array<std::uint64_t, 33> sizes{};
    for (std::size_t x = 0; x < n; ++x)
      for_each_difference(static_cast<node>(x), links_of(static_cast<node>(x)), [&](std::uint64_t difference) {
        ++sizes[static_cast<std::size_t>(std::bit_width(difference))];
      });
    packed_links packed;
    packed.widths_ = best_widths(sizes);

    if (auto made = packed.make_starts(n); !made) return std::unexpected(made.error());
    std::uint64_t bytes = 0;
    for (std::size_t x = 0; x < n; ++x) {
      packed.set_start(x, bytes);
      std::size_t bits = 8;
      for_each_difference(static_cast<node>(x), links_of(static_cast<node>(x)), [&](std::uint64_t difference) {
        bits += 2u + packed.widths_[detail::class_of(packed.widths_, difference)];
      });
      bytes += (bits + 7) / 8;
    }
    if (bytes > std::numeric_limits<std::size_t>::max() - slack)
      return fail(errc::out_of_memory, "too many links", bytes);
    auto lists = aligned_buffer<std::byte>::create(static_cast<std::size_t>(bytes) + slack);
    if (!lists) return std::unexpected(lists.error());
    for (std::size_t x = 0; x < n; ++x) {
      const std::span<const node> links = links_of(static_cast<node>(x));
      detail::bit_writer to(lists->data() + packed.start(static_cast<node>(x)));
      to.write(links.size(), 8);
      for_each_difference(static_cast<node>(x), links,
                          [&](std::uint64_t difference) { to.write(detail::class_of(packed.widths_, difference), 2); });
      for_each_difference(static_cast<node>(x), links, [&](std::uint64_t difference) {
        to.write(difference, packed.widths_[detail::class_of(packed.widths_, difference)]);
      });
    }
    packed.lists_ = std::move(*lists);
    return packed;
  }

  // The lists of n nodes as a file has them. Each is read once: its links ascend, are nodes, and fill it. Errors:
  // corrupt, out_of_memory.
  [[nodiscard]] static expected<packed_links> from_parts(std::size_t n, link_widths widths,
                                                         aligned_buffer<std::byte> lists, std::size_t most) {
    constexpr auto corrupt = [](std::uint64_t at) { return fail(errc::corrupt, "a list of links is wrong", at); };
    if (!std::ranges::is_sorted(widths) || widths[0] == 0 || widths[3] > 32 || lists.size() < slack) return corrupt(0);
    for (const std::byte zero : lists.span().last(slack))
      if (zero != std::byte{}) return corrupt(lists.size());
    packed_links packed;
    packed.widths_ = widths;
    packed.lists_ = std::move(lists);
    if (n > packed.lists_.size() - slack) return corrupt(n);
    if (auto made = packed.make_starts(n); !made) return std::unexpected(made.error());
    std::size_t at = 0;
    for (std::size_t x = 0; x < n; ++x) {
      packed.set_start(x, at);
      const std::size_t bytes = packed.valid_list(static_cast<node>(x), at, most);
      if (bytes == 0) return corrupt(x);
      at += bytes;
    }
    if (at != packed.lists_.size() - slack) return corrupt(at);
    return packed;
  }

  [[nodiscard]] std::size_t size() const { return starts_.size(); }

  // visit(y) for each link of x, ascending.
  template <class Visit>
  THIMBLE_ALWAYS_INLINE void for_each(node x, Visit&& visit) const {
    const std::byte* list = lists_.data() + start(x);
    const auto count = std::to_integer<std::size_t>(*list);
    std::size_t at = 8 + 2 * count;
    std::int64_t link = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const unsigned width = width_of(list, i);
      const std::uint64_t difference = bits(list, at) & ((std::uint64_t{1} << width) - 1);
      at += width;
      link = i == 0 ? detail::first_link(x, difference) : link + static_cast<std::int64_t>(difference) + 1;
      visit(static_cast<node>(link));
    }
  }

  // In two steps, for the list is found through a table: where it begins, and, when that had time to arrive, the list.
  THIMBLE_ALWAYS_INLINE void prefetch_start(node x) const { THIMBLE_PREFETCH(starts_.data() + x); }
  THIMBLE_ALWAYS_INLINE void prefetch(node x) const {
    const std::size_t first = start(x);
    THIMBLE_PREFETCH(lists_.data() + first);
    THIMBLE_PREFETCH(lists_.data() + std::min(first + typical_bytes, lists_.size() - 1));
  }

  // The parts of a file.
  [[nodiscard]] link_widths widths() const { return widths_; }
  [[nodiscard]] std::span<const std::byte> lists() const { return lists_.span(); }
  [[nodiscard]] std::size_t bytes() const { return starts_.bytes() + blocks_.bytes() + lists_.bytes(); }

 private:
  template <class Visit>
  static void for_each_difference(node x, std::span<const node> links, Visit&& visit) {
    THIMBLE_ASSERT(links.size() <= max_links);
    for (std::size_t i = 0; i < links.size(); ++i)
      visit(i == 0 ? detail::first_difference(x, links[0]) : std::uint64_t{links[i]} - links[i - 1] - 1);
  }

  // 57 bits and more from bit `at` on.
  [[nodiscard]] static THIMBLE_ALWAYS_INLINE std::uint64_t bits(const std::byte* list, std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, list + at / 8, sizeof word);
    return word >> (at % 8);
  }

  // Bytes of the list at `at` when it is a right one of x, else 0.
  [[nodiscard]] std::size_t valid_list(node x, std::size_t at, std::size_t most) const {
    const std::size_t left = lists_.size() - slack - at;
    if (left == 0) return 0;
    const std::byte* list = lists_.data() + at;
    const auto count = std::to_integer<std::size_t>(*list);
    std::size_t bit = 8 + 2 * count;
    if (count > most || (bit + 7) / 8 > left) return 0;
    std::int64_t link = -1;
    for (std::size_t i = 0; i < count; ++i) {
      const unsigned width = width_of(list, i);
      if ((bit + width + 7) / 8 > left) return 0;
      const std::uint64_t difference = bits(list, bit) & ((std::uint64_t{1} << width) - 1);
      bit += width;
      link = i == 0 ? detail::first_link(x, difference) : link + static_cast<std::int64_t>(difference) + 1;
      if (link < 0 || static_cast<std::uint64_t>(link) >= size() || link == x) return 0;
    }
    return (bit + 7) / 8;
  }

  [[nodiscard]] THIMBLE_ALWAYS_INLINE unsigned width_of(const std::byte* list, std::size_t i) const {
    const std::size_t at = 8 + 2 * i;
    return widths_[std::to_integer<unsigned>(list[at / 8]) >> (at % 8) & 3u];
  }

  // Where each list begins: in full for every 64th, from there for the others. 64 lists of 128 links are 35 KB.
  [[nodiscard]] expected<void> make_starts(std::size_t n) {
    auto starts = aligned_buffer<std::uint16_t>::create(n);
    if (!starts) return std::unexpected(starts.error());
    auto blocks = aligned_buffer<std::uint64_t>::create((n + block - 1) / block);
    if (!blocks) return std::unexpected(blocks.error());
    starts_ = std::move(*starts);
    blocks_ = std::move(*blocks);
    return {};
  }
  void set_start(std::size_t x, std::uint64_t at) {
    if (x % block == 0) blocks_[x / block] = at;
    starts_[x] = static_cast<std::uint16_t>(at - blocks_[x / block]);
  }
  [[nodiscard]] THIMBLE_ALWAYS_INLINE std::size_t start(node x) const {
    return static_cast<std::size_t>(blocks_[x / block]) + starts_[x];
  }

  static constexpr std::size_t block = 64;
  static constexpr std::size_t typical_bytes = 40;  // of a list

  link_widths widths_{1, 1, 1, 1};
  aligned_buffer<std::uint16_t> starts_;
  aligned_buffer<std::uint64_t> blocks_;
  aligned_buffer<std::byte> lists_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
