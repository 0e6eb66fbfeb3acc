// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Files that lie: with right checksums, so that what the sections mean is checked, and not only that they are whole.
// The golden files are what is changed.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <thimble/index/any_index.hpp>

#include "fuzz/open_bytes.hpp"
#include "golden/golden.hpp"
#include "unit/support/environment.hpp"
#include "unit/support/files.hpp"
#include "unit/support/golden_folder.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::file_bytes;

const std::vector<file_bytes>& good_files() {
  static const std::vector<file_bytes> read = [] {
    std::vector<file_bytes> all;
    for (const golden::golden_file& file : golden::files)
      all.push_back(test::read_bytes(golden::path_of(test::golden_folder(), file)));
    return all;
  }();
  return read;
}

const file_bytes& file_named(std::string_view name) {
  const auto at = std::ranges::find(golden::files, name, &golden::golden_file::name);
  return good_files()[static_cast<std::size_t>(at - golden::files.begin())];
}
const file_bytes& float32_file() { return file_named("float32_cosine"); }
const file_bytes& sq8_file() { return file_named("sq8_l2"); }

std::optional<errc> opened(std::span<const std::byte> bytes) { return code_of(test::opened<any_index>(bytes)); }

// How a file opens after a change and with right checksums.
template <class Change>
std::optional<errc> forged(const file_bytes& good, Change&& change) {
  file_bytes file = good;
  change(file);
  test::fix_checksums(file);
  return opened(file);
}

template <class Change>
std::optional<errc> meta_changed(const file_bytes& good, Change&& change) {
  return forged(good, [&](file_bytes& file) { change(test::values_of<index_meta>(file, section::meta)[0]); });
}

TEST(index_hostile, good_files_are_good) {
  for (const file_bytes& file : good_files()) EXPECT_EQ(fuzz::wrong_answer(file), "");
}

TEST(index_hostile, a_cut_file_is_truncated_whatever_its_length) {
  for (const file_bytes& file : good_files())
    for (std::size_t bytes = 0; bytes < file.size(); bytes += bytes < 400 ? 1 : 61)
      EXPECT_EQ(opened(std::span(file).first(bytes)), errc::truncated) << bytes;
}

TEST(index_hostile, one_flipped_byte_anywhere_is_an_error) {
  for (file_bytes file : good_files()) {
    for (std::size_t at = 0; at < file.size(); at += at < 400 ? 1 : 37) {
      file[at] ^= std::byte{0x20};
      EXPECT_NE(opened(file), std::nullopt) << at;
      file[at] ^= std::byte{0x20};
    }
  }
}

TEST(index_hostile, a_description_out_of_range_is_corrupt) {
  for (const file_bytes& good : good_files()) {
    const auto with = [&](auto&& change) { return meta_changed(good, change); };
    EXPECT_EQ(with([](index_meta&) {}), std::nullopt);
    for (const std::uint64_t n : std::initializer_list<std::uint64_t>{
             0, 1, golden::n - 1, golden::n + 1, max_nodes, max_nodes + 1, std::uint64_t{1} << 32,
             (std::uint64_t{1} << 32) + golden::n, std::numeric_limits<std::uint64_t>::max()})
      EXPECT_EQ(with([&](index_meta& m) { m.n = n; }), errc::corrupt) << "n " << n;
    for (const std::uint32_t dim : {0u, 1u, 24u, 65'535u, 65'536u, 0x40000019u, 0xffffffffu})
      EXPECT_EQ(with([&](index_meta& m) { m.dim = dim; }), errc::corrupt) << "dim " << dim;
    for (const std::uint32_t bytes : {0u, 4u, 35u, 37u, 99u, 101u, 0xffffffffu})
      EXPECT_EQ(with([&](index_meta& m) { m.code_bytes = bytes; }), errc::corrupt) << "code_bytes " << bytes;
    for (const std::uint32_t links : {0u, 1u, 5u, 7u, 12u, 65u, 0x80000006u, 0xffffffffu})
      EXPECT_EQ(with([&](index_meta& m) { m.m = links; }), errc::corrupt) << "m " << links;
    for (const std::uint32_t entry : {std::uint32_t{golden::n}, 0x7fffffffu, 0xffffffffu})
      EXPECT_EQ(with([&](index_meta& m) { m.entry = entry; }), errc::corrupt) << "entry " << entry;
    EXPECT_EQ(with([](index_meta& m) { m.entry_level += 1; }), errc::corrupt);
    EXPECT_EQ(with([](index_meta& m) { m.entry_level = 0xffffffffu; }), errc::corrupt);
    EXPECT_EQ(with([](index_meta& m) { m.metric = 3; }), errc::corrupt);
    EXPECT_EQ(with([](index_meta& m) { m.metric = 0x100; }), errc::corrupt);
    EXPECT_EQ(with([](index_meta& m) { m.ef_construction = 0xffffffffu; }), errc::corrupt);
    for (const std::uint32_t quantizer : {0u, 5u, 16u, 25u, 200u, 0xffffffffu})
      EXPECT_EQ(with([&](index_meta& m) { m.quantizer = quantizer; }), errc::wrong_quantizer) << quantizer;
  }
}

TEST(index_hostile, the_codes_of_another_quantizer_are_refused_by_name) {
  EXPECT_EQ(code_of(test::opened<index<sq8>>(float32_file())), errc::wrong_quantizer);
  EXPECT_EQ(code_of(test::opened<index<float32>>(sq8_file())), errc::wrong_quantizer);
  // Renamed, the codes have a wrong size.
  EXPECT_EQ(meta_changed(sq8_file(), [](index_meta& m) { m.quantizer = float32::file_id; }), errc::corrupt);
  EXPECT_EQ(meta_changed(float32_file(), [](index_meta& m) { m.quantizer = sq8::file_id; }), errc::corrupt);
}

TEST(index_hostile, an_entry_below_another_node_is_corrupt) {
  for (const file_bytes& good : good_files()) {
    EXPECT_EQ(forged(good,
                     [](file_bytes& file) {
                       const auto levels = test::values_of<std::uint8_t>(file, section::levels);
                       auto& meta = test::values_of<index_meta>(file, section::meta)[0];
                       meta.entry = static_cast<node>(std::ranges::find(levels, 0) - levels.begin());
                       meta.entry_level = 0;
                     }),
              errc::corrupt);
  }
}

TEST(index_hostile, wrong_links_are_corrupt_wherever_they_are) {
  for (const file_bytes& good : good_files()) {
    const std::size_t n_links =
        static_cast<std::size_t>(test::entry_of(good, section::upper_links).bytes) / sizeof(node);
    ASSERT_GT(n_links, 0u);
    for (std::size_t at = 0; at < n_links; ++at)
      for (const node y : {node{golden::n}, node{0x7fffffff}, node{0x80000000}, no_node - 1})
        EXPECT_EQ(forged(good, [&](file_bytes& file) { test::values_of<node>(file, section::upper_links)[at] = y; }),
                  errc::corrupt);
    // More links than a node may have (m is 6), in the first list; widths that are no widths.
    EXPECT_EQ(
        forged(good,
               [](file_bytes& file) { test::values_of<std::byte>(file, section::base_links)[0] = std::byte{13}; }),
        errc::corrupt);
    for (const link_widths widths : {link_widths{0, 0, 0, 0}, {9, 8, 7, 6}, {32, 32, 32, 33}, {255, 255, 255, 255}})
      EXPECT_EQ(meta_changed(good, [&](index_meta& m) { m.link_widths = widths; }), errc::corrupt);
    EXPECT_EQ(meta_changed(good, [](index_meta& m) { m.default_ef = 0; }), errc::corrupt);
    // A link on an upper level to a node that has no row there would lead into its neighbour's.
    EXPECT_EQ(forged(good,
                     [](file_bytes& file) {
                       const auto levels = test::values_of<std::uint8_t>(file, section::levels);
                       test::values_of<node>(file, section::upper_links)[0] =
                           static_cast<node>(std::ranges::find(levels, 0) - levels.begin());
                     }),
              errc::corrupt);
    // Links behind the end of a row.
    EXPECT_EQ(forged(good,
                     [](file_bytes& file) {
                       const auto links = test::values_of<node>(file, section::upper_links);
                       links[1] = links[0] == no_node ? 0 : links[0];
                       links[0] = no_node;
                     }),
              errc::corrupt);
    // A label twice.
    EXPECT_EQ(forged(good,
                     [](file_bytes& file) {
                       const auto labels = test::values_of<std::byte>(file, section::rows);
                       labels[0] = labels[1];
                     }),
              errc::corrupt);
  }
}

TEST(index_hostile, a_wrong_default_gamma_is_corrupt) {
  auto built = index<sq8>::build(test::random_vectors(50, 8, 1).view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(built));
  ASSERT_TRUE(succeeded(built->set_default_ef(20, .25f)));
  const file_bytes good = test::saved(*built);
  const auto changed = [&](const auto& change) {
    return forged(good, [&](file_bytes& file) { change(test::values_of<index_description>(file, section::meta)[0]); });
  };
  EXPECT_EQ(changed([](index_description& d) { d.default_gamma = std::numeric_limits<float>::quiet_NaN(); }),
            errc::corrupt);
  EXPECT_EQ(changed([](index_description& d) { d.default_gamma = std::numeric_limits<float>::infinity(); }),
            errc::corrupt);
  EXPECT_EQ(changed([](index_description& d) { d.default_gamma = -.1f; }), errc::corrupt);
  EXPECT_EQ(changed([](index_description& d) { d.reserved = 1; }), errc::corrupt);
  for (const std::size_t bytes : {sizeof(index_meta), sizeof(index_description) - 1})
    EXPECT_EQ(
        code_of(test::opened<index<sq8>>(test::with_section(
            good, section::meta,
            std::span(good).subspan(static_cast<std::size_t>(test::entry_of(good, section::meta).offset), bytes)))),
        errc::corrupt);
}

TEST(index_hostile, wrong_levels_are_corrupt) {
  for (const file_bytes& good : good_files()) {
    for (std::size_t x = 0; x < golden::n; x += 3) {
      for (const unsigned level : {1u, 15u, 16u, 255u}) {
        const auto code = forged(good, [&](file_bytes& file) {
          auto& stored = test::values_of<std::uint8_t>(file, section::levels)[x];
          stored = static_cast<std::uint8_t>(stored == level ? 0 : level);
        });
        EXPECT_EQ(code, errc::corrupt) << "node " << x << ", level " << level;
      }
    }
  }
}

TEST(index_hostile, sections_of_a_wrong_size_are_corrupt) {
  // The table lies, the bytes stay: a section ends early, and zero bytes fill the place up to the next one.
  for (const file_bytes& good : good_files()) {
    for (std::uint32_t i = 1; i <= n_sections; ++i) {
      const auto kind = static_cast<section>(i);
      for (const std::uint64_t missing : {1u, 3u, 4u, 8u}) {
        const auto code = forged(good, [&](file_bytes& file) {
          auto entry = test::entry_of(file, kind);
          if (entry.bytes < missing) return;
          if ((entry.bytes - missing + 63) / 64 != (entry.bytes + 63) / 64) return;
          entry.bytes -= missing;
          std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(entry.offset + entry.bytes), missing, std::byte{});
          test::set_entry(file, kind, entry);
        });
        EXPECT_TRUE(code == errc::corrupt || test::entry_of(good, kind).bytes < missing ||
                    (test::entry_of(good, kind).bytes - missing + 63) / 64 !=
                        (test::entry_of(good, kind).bytes + 63) / 64)
            << "section " << i << ", " << missing << " bytes missing";
      }
    }
  }
}

// How a file opens when one value in the codes is another.
template <class T>
std::optional<errc> code_changed(const file_bytes& good, std::size_t at, T value) {
  return forged(
      good, [&](file_bytes& file) { store_as(test::values_of<std::byte>(file, section::codes).data() + at, value); });
}

TEST(index_hostile, factors_that_no_encoder_writes_are_corrupt) {
  // Row 5, behind 28 bytes of codes: add, sum.
  constexpr std::size_t add = 5 * 36 + 28, sum = add + 4;
  const auto right = load_as<std::int32_t>(sq8_file().data() + test::entry_of(sq8_file(), section::codes).offset + sum);
  EXPECT_EQ(code_changed(sq8_file(), sum, right), std::nullopt);
  EXPECT_EQ(code_changed(sq8_file(), sum, right + 1), errc::corrupt);
  EXPECT_EQ(code_changed(sq8_file(), sum, std::numeric_limits<std::int32_t>::max()), errc::corrupt);
  EXPECT_EQ(code_changed(sq8_file(), add, std::numeric_limits<float>::quiet_NaN()), errc::corrupt);
  EXPECT_EQ(code_changed(sq8_file(), add, -std::numeric_limits<float>::infinity()), errc::corrupt);
}

TEST(index_hostile, factors_of_sq4_that_are_no_numbers_and_fields_without_meaning_are_corrupt) {
  // Row 5: 13 bytes of codes, half of the last one unused, 3 of padding, add, scale, 4 bytes without meaning.
  const file_bytes& good = file_named("sq4_l2");
  constexpr std::size_t row = 5 * 28;
  for (const std::size_t factor : {row + 16, row + 20}) {
    EXPECT_EQ(code_changed(good, factor, 1.0f), std::nullopt);
    EXPECT_EQ(code_changed(good, factor, std::numeric_limits<float>::quiet_NaN()), errc::corrupt);
    EXPECT_EQ(code_changed(good, factor, std::numeric_limits<float>::infinity()), errc::corrupt);
  }
  EXPECT_EQ(code_changed(good, row + 12, std::byte{0xff}), errc::corrupt);
  for (const std::size_t unused : {row + 13, row + 15, row + 24, row + 27})
    EXPECT_EQ(code_changed(good, unused, std::byte{1}), errc::corrupt);
}

TEST(index_hostile, halfs_that_are_no_numbers_are_corrupt) {
  const file_bytes& good = file_named("float16_l2");
  for (const std::uint16_t bits : {std::uint16_t{0x7c00}, std::uint16_t{0xfe00}, std::uint16_t{0x7fff}})
    EXPECT_EQ(code_changed(good, 7 * 52 + 24, bits), errc::corrupt);
  EXPECT_EQ(code_changed(good, 7 * 52 + 50, std::uint16_t{1}), errc::corrupt);
  EXPECT_EQ(code_changed(good, 7 * 52 + 24, std::uint16_t{0x7bff}), std::nullopt);
}

TEST(index_hostile, factors_of_rabitq_out_of_range_are_corrupt) {
  struct layout {
    const char* name;
    std::size_t code_bytes;
    std::size_t add, scale, details;  // in a row of 25 dimensions, 64 of them in the code
  };
  for (const layout& l :
       {layout{"rabitq1_cosine", 20, 8, 12, 16}, {"rabitq4_ip", 44, 32, 36, 40}, {"rabitq8_l2", 80, 64, 72, 76}}) {
    const file_bytes& good = file_named(l.name);
    ASSERT_EQ(load_as<index_meta>(good.data() + test::entry_of(good, section::meta).offset).code_bytes, l.code_bytes);
    const std::size_t row = 9 * l.code_bytes;
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
      EXPECT_EQ(code_changed(good, row + l.add, bad), errc::corrupt) << l.name;
      EXPECT_EQ(code_changed(good, row + l.scale, bad), errc::corrupt) << l.name;
    }
    // A norm of infinity, and a centroid that is not there: the query's terms lie behind each other.
    EXPECT_EQ(code_changed(good, row + l.details, std::uint16_t{0x7f80}), errc::corrupt) << l.name;
    EXPECT_EQ(code_changed(good, row + l.details + 3, std::byte{0xff}), errc::corrupt) << l.name;
  }
}

// Whatever number stands in a quantizer's parameters: a named error, or an index that answers.
TEST(index_hostile, parameters_may_be_anything) {
  constexpr std::uint32_t words[] = {0, 1, 64, 0x7149f2cb, 0x7f7fffff, 0x7fc00000, 0x80000000, 0xff800000, 0xffffffff};
  for (const file_bytes& good : good_files()) {
    const std::size_t n_words = static_cast<std::size_t>(test::entry_of(good, section::quantizer).bytes / 4);
    for (std::size_t at = 0; at < n_words; at += at < 64 ? 1 : 97) {
      for (const std::uint32_t word : words) {
        file_bytes file = good;
        test::values_of<std::uint32_t>(file, section::quantizer)[at] = word;
        test::fix_checksums(file);
        ASSERT_EQ(fuzz::wrong_answer(file), "") << "word " << at << " is " << word;
      }
    }
  }
}

TEST(index_hostile, parameters_that_no_training_gives_are_corrupt) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e20f, -1e20f})
    for (const std::size_t at : {std::size_t{0}, golden::dim - 1, golden::dim})
      EXPECT_EQ(
          forged(sq8_file(), [&](file_bytes& file) { test::values_of<float>(file, section::quantizer)[at] = bad; }),
          errc::corrupt);
  for (const float step : {0.0f, -1.0f, 0.1f})
    EXPECT_EQ(forged(sq8_file(),
                     [&](file_bytes& file) { test::values_of<float>(file, section::quantizer)[golden::dim] = step; }),
              errc::corrupt);
}

TEST(index_hostile, vectors_that_are_no_numbers_are_corrupt) {
  for (const std::uint32_t bits : {0x7fc00000u, 0xffc00000u, 0x7f800000u, 0xff800000u, 0x7f7fffffu, 0x7f800001u}) {
    const auto poisoned = [&](file_bytes& file) { test::values_of<std::uint32_t>(file, section::codes)[35] = bits; };
    EXPECT_EQ(forged(float32_file(), poisoned), errc::corrupt);
  }
}

TEST(index_hostile, links_without_a_way_to_all_still_give_as_many_hits_as_were_asked_for) {
  // No link at all, and rings of two: both are graphs that a search cannot cross. Lists of links that are written anew
  // are shorter, so the file is.
  const auto with_links = [](const file_bytes& good, auto&& links_of) {
    const auto packed = *packed_links::pack(golden::n, links_of);
    file_bytes file = test::with_section(good, section::base_links, packed.lists());
    test::values_of<index_meta>(file, section::meta)[0].link_widths = packed.widths();
    std::ranges::fill(test::values_of<node>(file, section::upper_links), no_node);
    test::fix_checksums(file);
    return file;
  };
  for (const file_bytes& good : good_files()) {
    node link = 0;
    EXPECT_EQ(fuzz::wrong_answer(with_links(good, [](node) { return std::span<const node>(); })), "");
    EXPECT_EQ(fuzz::wrong_answer(with_links(good,
                                            [&](node x) {
                                              link = x ^ 1u;
                                              return std::span<const node>(&link, 1);
                                            })),
              "");
  }
}

TEST(index_hostile, random_mutations_give_a_named_error_or_valid_hits) {
  random_generator random(2026);
  const int rounds = test::slow ? 1500 : 8000;
  int accepted = 0;
  for (int round = 0; round < rounds; ++round) {
    file_bytes file = fuzz::mutated(good_files()[static_cast<std::size_t>(round) % good_files().size()], random);
    if (round % 8 != 0) fuzz::fix_checksums(file);
    ASSERT_EQ(fuzz::wrong_answer(file), "") << "round " << round;
    accepted += opened(file) == std::nullopt ? 1 : 0;
  }
  // Some of them only change a link to another valid one: those must be among them, or nothing deep was reached.
  EXPECT_GT(accepted, rounds / 100);
  EXPECT_LT(accepted, rounds * 3 / 4);
}

}  // namespace
}  // namespace thimble
