// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/core/random.hpp>
#include <thimble/io/vector_format.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "unit/io/vector_files.hpp"

namespace thimble {
namespace {

using test::byte_writer;
using test::npy_file;

expected<vector_layout> parse(const std::vector<std::byte>& file, vector_format format) {
  return parse_vector_header(file, file.size(), format);
}

errc error_of(const std::vector<std::byte>& file, vector_format format) {
  const auto layout = parse(file, format);
  EXPECT_FALSE(layout.has_value());
  return layout ? errc::cancelled : layout.error().code;
}

std::vector<std::byte> counted(std::uint32_t n, std::uint32_t dim, std::size_t value_bytes) {
  return byte_writer().put(n).put(dim).zeros(value_bytes).bytes();
}

std::vector<std::byte> fvecs(std::size_t n, std::uint32_t dim) {
  byte_writer file;
  for (std::size_t i = 0; i < n; ++i) file.put(dim).zeros(4 * dim);
  return file.bytes();
}

std::vector<std::byte> idx(std::uint8_t type, const std::vector<std::uint32_t>& sizes, std::size_t value_bytes) {
  byte_writer file;
  file.put(std::uint16_t{0}).put(type).put(static_cast<std::uint8_t>(sizes.size()));
  for (const std::uint32_t size : sizes) file.put_big_endian(size);
  return file.zeros(value_bytes).bytes();
}

TEST(vector_format_of, goes_by_the_end_of_the_name_in_any_case) {
  EXPECT_EQ(vector_format_of("base.fbin"), vector_format::fbin);
  EXPECT_EQ(vector_format_of("/data/v1.2/base.u8bin"), vector_format::u8bin);
  EXPECT_EQ(vector_format_of("BASE.F16BIN"), vector_format::f16bin);
  EXPECT_EQ(vector_format_of("base.I8bin"), vector_format::i8bin);
  EXPECT_EQ(vector_format_of("base.bf16bin"), vector_format::bf16bin);
  EXPECT_EQ(vector_format_of("sift_base.fvecs"), vector_format::fvecs);
  EXPECT_EQ(vector_format_of("sift_base.bvecs"), vector_format::bvecs);
  EXPECT_EQ(vector_format_of("a.npy"), vector_format::npy);
  EXPECT_EQ(vector_format_of("a.idx"), vector_format::idx);
  EXPECT_EQ(vector_format_of("t10k-images-idx3-ubyte"), vector_format::idx);
  EXPECT_EQ(vector_format_of("t10k-images.idx3-ubyte"), vector_format::idx);
}

TEST(vector_format_of, an_unknown_ending_is_an_error) {
  for (const char* path :
       {"", "base", "base.txt", "folder.fbin/base", "fbin", "a.16bin", "ai8bin", "a.npy.gz", "t10k-labels-idx1-ubyte"})
    EXPECT_EQ(vector_format_of(path).error().code, errc::unknown_format) << path;
}

TEST(vector_header, a_count_and_a_dim_before_the_rows) {
  EXPECT_EQ(parse(counted(2, 3, 24), vector_format::fbin),
            (vector_layout{.type = element_type::float32, .n = 2, .dim = 3, .offset = 8, .stride_bytes = 12}));
  EXPECT_EQ(parse(counted(2, 3, 12), vector_format::f16bin),
            (vector_layout{.type = element_type::float16, .n = 2, .dim = 3, .offset = 8, .stride_bytes = 6}));
  EXPECT_EQ(parse(counted(2, 3, 6), vector_format::u8bin),
            (vector_layout{.type = element_type::uint8, .n = 2, .dim = 3, .offset = 8, .stride_bytes = 3}));
  EXPECT_EQ(parse(counted(2, 3, 12), vector_format::bf16bin),
            (vector_layout{.type = element_type::bfloat16, .n = 2, .dim = 3, .offset = 8, .stride_bytes = 6}));
  EXPECT_EQ(parse(counted(2, 3, 6), vector_format::i8bin),
            (vector_layout{.type = element_type::int8, .n = 2, .dim = 3, .offset = 8, .stride_bytes = 3}));
}

TEST(vector_header, a_dim_before_every_row) {
  EXPECT_EQ(
      parse(fvecs(5, 7), vector_format::fvecs),
      (vector_layout{
          .type = element_type::float32, .n = 5, .dim = 7, .offset = 4, .stride_bytes = 32, .row_prefix_bytes = 4}));
  const auto bvecs = byte_writer().put(3).zeros(3).put(3).zeros(3).bytes();
  EXPECT_EQ(parse(bvecs, vector_format::bvecs),
            (vector_layout{
                .type = element_type::uint8, .n = 2, .dim = 3, .offset = 4, .stride_bytes = 7, .row_prefix_bytes = 4}));
}

TEST(vector_header, npy_of_every_type_and_version) {
  for (const unsigned version : {1u, 2u, 3u}) {
    const auto file = npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24, version);
    EXPECT_EQ(parse(file, vector_format::npy),
              (vector_layout{
                  .type = element_type::float32, .n = 2, .dim = 3, .offset = file.size() - 24, .stride_bytes = 12}));
  }
  EXPECT_EQ(
      parse(npy_file("{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3), }", 12), vector_format::npy)->type,
      element_type::float16);
  EXPECT_EQ(parse(npy_file("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", 6), vector_format::npy)->type,
            element_type::uint8);
  EXPECT_EQ(parse(npy_file("{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }", 6), vector_format::npy)->type,
            element_type::int8);
}

TEST(vector_header, npy_keys_come_in_any_order_and_spacing) {
  for (const char* dict : {"{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}",
                           "{ 'fortran_order' : False , 'shape' : ( 2 , 3 , ) , 'descr' : '<f4' , }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }"})
    EXPECT_TRUE(parse(npy_file(dict, 24), vector_format::npy).has_value()) << dict;
}

TEST(vector_header, npy_that_cannot_be_used_is_unsupported) {
  for (const char* dict : {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }",
                           "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }",
                           "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 3), }",
                           "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }",
                           "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (), }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }"})
    EXPECT_EQ(error_of(npy_file(dict, 24), vector_format::npy), errc::unsupported) << dict;
  EXPECT_EQ(
      error_of(npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24, 4), vector_format::npy),
      errc::unsupported);
  EXPECT_EQ(error_of(npy_file(std::string(5000, ' '), 24), vector_format::npy), errc::unsupported);
}

TEST(vector_header, npy_with_a_broken_header_is_corrupt) {
  for (const char* dict : {"", "{", "{}", "{'descr': '<f4', 'fortran_order': False, }",
                           "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3) 'x'}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3), }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3), }",
                           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
                           "{'descr': '<f4', 'fortran_order': Falsehood, 'shape': (2, 3), }",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x", "{'descr': '<f4"})
    EXPECT_EQ(error_of(npy_file(dict, 24), vector_format::npy), errc::corrupt) << dict;
  EXPECT_EQ(error_of(byte_writer().text("PK\x03\x04 an npz is a zip").bytes(), vector_format::npy), errc::corrupt);
}

TEST(vector_header, idx_pictures_are_rows) {
  EXPECT_EQ(parse(idx(8, {3, 2, 5}, 30), vector_format::idx),
            (vector_layout{.type = element_type::uint8, .n = 3, .dim = 10, .offset = 16, .stride_bytes = 10}));
  EXPECT_EQ(parse(idx(8, {3, 10}, 30), vector_format::idx)->dim, 10u);
}

TEST(vector_header, idx_that_cannot_be_used_is_an_error) {
  EXPECT_EQ(error_of(idx(0x0d, {3, 2, 5}, 120), vector_format::idx), errc::unsupported);  // floats
  EXPECT_EQ(error_of(idx(8, {30}, 30), vector_format::idx), errc::unsupported);           // labels
  EXPECT_EQ(error_of(byte_writer().text("\x1f\x8b\x08\x08 gzip").bytes(), vector_format::idx), errc::corrupt);
  EXPECT_EQ(error_of(idx(8, {3, 0xffffffff, 0xffffffff, 0xffffffff}, 30), vector_format::idx), errc::too_large);
  EXPECT_EQ(error_of(idx(8, {3, 0, 5}, 30), vector_format::idx), errc::corrupt);
}

TEST(vector_header, sizes_beyond_the_limits_are_errors) {
  EXPECT_EQ(error_of(counted(0, 3, 0), vector_format::fbin), errc::empty_input);
  EXPECT_EQ(error_of(counted(2, 0, 0), vector_format::fbin), errc::corrupt);
  EXPECT_EQ(error_of(counted(1, max_dim + 1, 4 * (max_dim + 1)), vector_format::fbin), errc::too_large);
  EXPECT_EQ(error_of(counted(0xffffffff, 1, 4), vector_format::fbin), errc::too_many_vectors);
  EXPECT_EQ(error_of(counted(0xffffffff, 0xffffffff, 4), vector_format::fbin), errc::too_large);
  EXPECT_EQ(error_of(fvecs(3, 0), vector_format::fvecs), errc::corrupt);
  EXPECT_EQ(error_of(byte_writer().put(-1).zeros(100).bytes(), vector_format::fvecs), errc::too_large);
  EXPECT_EQ(error_of({}, vector_format::fvecs), errc::empty_input);
}

TEST(vector_header, the_largest_sizes_do_not_overflow) {
  const auto head = counted(static_cast<std::uint32_t>(max_nodes), max_dim, 0);
  const std::uint64_t bytes = 8 + max_nodes * max_dim * 4;
  EXPECT_TRUE(parse_vector_header(head, bytes, vector_format::fbin).has_value());
  EXPECT_EQ(parse_vector_header(head, bytes - 1, vector_format::fbin).error(), (error{errc::truncated, ""}));
}

struct sample {
  vector_format format;
  std::vector<std::byte> file;
};

std::vector<sample> samples() {
  return {{vector_format::fbin, counted(4, 3, 48)},
          {vector_format::u8bin, counted(4, 3, 12)},
          {vector_format::i8bin, counted(4, 3, 12)},
          {vector_format::f16bin, counted(4, 3, 24)},
          {vector_format::bf16bin, counted(4, 3, 24)},
          {vector_format::fvecs, fvecs(4, 3)},
          {vector_format::bvecs, byte_writer().put(3).zeros(3).put(3).zeros(3).bytes()},
          {vector_format::npy, npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }", 48)},
          {vector_format::npy, npy_file("{'descr': '|i1', 'fortran_order': False, 'shape': (4, 3), }", 12)},
          {vector_format::idx, idx(8, {4, 3, 2}, 24)}};
}

TEST(vector_header, every_shorter_or_longer_file_is_an_error) {
  for (const auto& [format, file] : samples()) {
    ASSERT_TRUE(parse(file, format).has_value());
    for (std::size_t size = 0; size < file.size(); ++size) {
      const auto layout = parse_vector_header(std::span(file).first(size), size, format);
      // Files with a dim before every row do not know how many there are.
      const bool whole_rows = (format == vector_format::fvecs && size % 16 == 0 && size > 0) ||
                              (format == vector_format::bvecs && size % 7 == 0 && size > 0);
      ASSERT_EQ(layout.has_value(), whole_rows) << static_cast<int>(format) << " cut at " << size;
      if (!layout && size > 0) {
        EXPECT_EQ(layout.error().code, errc::truncated) << size;
      }
    }
    auto longer = file;
    longer.push_back(std::byte{0});
    const bool counts = format != vector_format::fvecs && format != vector_format::bvecs;
    EXPECT_EQ(error_of(longer, format), counts ? errc::corrupt : errc::truncated);
  }
}

TEST(vector_header, any_bytes_give_an_error_or_a_layout_within_the_file) {
  random_generator random(1);
  for (int trial = 0; trial < 20'000; ++trial) {
    for (auto [format, file] : samples()) {
      for (std::uint64_t changes = 1 + random.below(4); changes > 0; --changes)
        file[static_cast<std::size_t>(random.below(std::min<std::size_t>(file.size(), 80)))] =
            static_cast<std::byte>(random.below(256));
      const auto layout = parse(file, format);
      if (!layout) continue;
      ASSERT_GT(layout->n, 0u);
      ASSERT_GT(layout->dim, 0u);
      ASSERT_GE(layout->stride_bytes, std::uint64_t{layout->dim} * element_bytes(layout->type));
      ASSERT_EQ(layout->offset - layout->row_prefix_bytes + layout->n * layout->stride_bytes, file.size());
    }
  }
}

// The parser is a pure function: it runs at compile time, where no undefined behaviour goes unseen.
constexpr std::uint32_t dim_at_compile_time() {
  constexpr std::array<std::byte, 10> file{std::byte{1}, {}, {}, {}, std::byte{2}};
  return parse_vector_header(file, file.size(), vector_format::u8bin)->dim;
}
static_assert(dim_at_compile_time() == 2);

}  // namespace
}  // namespace thimble
