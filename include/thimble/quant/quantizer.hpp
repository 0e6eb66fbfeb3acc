// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A quantizer turns vectors into codes and estimates distances from them. Data side (train, encode) and query side
// (prepare, estimate) are apart: codes are rows of code_bytes() bytes in one flat array, a prepared query is a flat
// record of query_bytes() bytes in the caller's scratch. It sees l2 and inner_product only: the index normalises for
// cosine. Custom quantizers model the same concept (examples/ has one; quant/float32.hpp is the smallest).

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/types.hpp>
#include <thimble/metric/metric.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct train_options {
  const simd::kernel_set& kernels;
  std::uint64_t seed = 1;
};

template <class Q>
concept quantizer =
    std::movable<Q> && requires(const Q& q, const matrix_view<float>& rows, metric m, const train_options& options,
                                std::span<const float> vector, std::span<const std::byte> parameters,
                                const std::byte* in, std::byte* out, const simd::kernel_set& kernels,
                                simd::code_rows codes, const node* nodes, std::size_t n, float* distances) {
      // Its name for people, and its number in files: 1..63 are the library's.
      { Q::name } -> std::convertible_to<std::string_view>;
      { Q::file_id } -> std::convertible_to<std::uint32_t>;
      // Learns from the rows, which it may read in any order, more than once. The same rows and seed, the same
      // parameters.
      { Q::train(rows, m, options) } -> std::same_as<expected<Q>>;
      // Parameters as bytes in a file, and back: every byte of them is hostile.
      { q.parameters() } -> std::same_as<std::span<const std::byte>>;
      { Q::load(parameters, std::size_t{}, m) } -> std::same_as<expected<Q>>;
      // Bytes of a row of codes with its factors, a multiple of 4.
      { q.code_bytes() } -> std::same_as<std::size_t>;
      // Bytes of scratch that one encode() (or decode(), below) needs, and vector (dim floats) -> code (code_bytes()).
      // Any number of threads at once, each with its own scratch (64-byte aligned).
      { q.encode_scratch_bytes() } -> std::same_as<std::size_t>;
      { q.encode(kernels, vector, out, out) } -> std::same_as<void>;
      // Whether a row that was read from a file holds what encode() could have written.
      { q.valid(in) } -> std::same_as<bool>;
      // Bytes of a prepared query, a multiple of 64; it lies on a 64-byte boundary.
      { q.query_bytes() } -> std::same_as<std::size_t>;
      { q.prepare(kernels, vector, out) } -> std::same_as<void>;
      // distances[i] = the estimated distance of row nodes[i] from the prepared query (in), a batch at once.
      { q.estimate(kernels, in, codes, nodes, n, distances) } -> std::same_as<void>;
    };

// One whose codes are fine enough to build a graph from: distances between two of them are about as good as those from
// a query. An index of another one is built on sq8.
template <class Q>
concept symmetric_quantizer =
    quantizer<Q> && requires(const Q& q, const std::byte* in, std::byte* out, const simd::kernel_set& kernels) {
      // A query from a row of codes.
      { q.prepare_from_code(kernels, in, out) } -> std::same_as<void>;
    };

// One that has a cheaper estimate than its best, good enough to find the way through a graph: what is found is then
// estimated again.
template <class Q>
concept scouting_quantizer =
    quantizer<Q> && requires(const Q& q, const std::byte* query, const simd::kernel_set& kernels, simd::code_rows codes,
                             const node* nodes, std::size_t n, float* distances) {
      // As estimate(), from the same prepared query.
      { q.scout(kernels, query, codes, nodes, n, distances) } -> std::same_as<void>;
    };

// One whose codes can be turned into vectors again.
template <class Q>
concept decoding_quantizer =
    quantizer<Q> && requires(const Q& q, const simd::kernel_set& kernels, const std::byte* code, std::byte* scratch,
                             std::span<float> vector) {
      // Code (code_bytes()) -> the vector (dim floats) that it tells of, as near as it can to the one that was encoded;
      // finite whatever valid() lets through. Scratch and threads as for encode().
      { q.decode(kernels, code, scratch, vector) } -> std::same_as<void>;
    };

// One that knows how far off its estimates are.
template <class Q>
concept bounded_quantizer = quantizer<Q> && requires(const Q& q, const std::byte* in, float distance) {
  // One standard deviation of the estimate of a row of codes from a prepared query: (query, code, estimate).
  // estimate - epsilon times this is a lower bound of the distance that nearly always holds for epsilon = 3.
  { q.standard_error(in, in, distance) } -> std::same_as<float>;
};

}  // namespace thimble::inline THIMBLE_FLAGS
