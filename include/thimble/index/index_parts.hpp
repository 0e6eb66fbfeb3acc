// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What an index consists of, and how that lies in a file: the description, the quantizer, codes and graph by node, the
// row of each node, the label of each row. Reading checks every byte once and copies nothing.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/permutation.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/frozen_graph.hpp>
#include <thimble/io/index_file.hpp>
#include <thimble/io/index_reader.hpp>
#include <thimble/io/index_writer.hpp>
#include <thimble/metric/metric.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/search/search_params.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

inline constexpr std::uint32_t max_ef_construction = 100'000;

// Cosine is the inner product of normalised vectors.
[[nodiscard]] constexpr metric metric_of_codes(metric m) {
  return m == metric::l2 ? metric::l2 : metric::inner_product;
}

template <quantizer Quantizer>
struct index_parts {
  index_meta meta{};
  std::uint64_t half_fingerprint = 0;  // 0: there is none
  std::optional<float> default_gamma{};
  Quantizer quantizer;
  aligned_buffer<std::byte> codes;  // of each node, meta.code_bytes from one to the next
  frozen_graph graph;
  permutation rows;            // of each node: the number of its vector
  aligned_buffer<label> keys;  // of each row, ascending; empty where a row's label is its number

  explicit index_parts(Quantizer q) : quantizer(std::move(q)) {}

  // Fills in the description, once the graph is there.
  void describe(metric m, std::size_t dim, unsigned links, unsigned ef_construction, std::uint64_t seed,
                std::uint64_t fingerprint) {
    meta = {.n = graph.size(),
            .seed = seed,
            .fingerprint = fingerprint,
            .dim = static_cast<std::uint32_t>(dim),
            .quantizer = Quantizer::file_id,
            .code_bytes = static_cast<std::uint32_t>(simd::row_stride(quantizer.code_bytes())),
            .m = links,
            .ef_construction = ef_construction,
            .entry = graph.entry().at,
            .entry_level = graph.entry().level,
            .metric = static_cast<std::uint32_t>(m),
            .link_widths = graph.base().widths(),
            .default_ef = usual_ef};
  }

  // Of a whole file, used in place. Errors: those of index_sections::parse, wrong_quantizer, corrupt, out_of_memory.
  [[nodiscard]] static expected<index_parts> parse(std::span<const std::byte> file) {
    const auto sections = index_sections::parse(file);
    if (!sections) return std::unexpected(sections.error());
    const auto description = parse_meta((*sections)[section::meta], sections->version());
    if (!description) return std::unexpected(description.error());
    const index_meta* meta = &description->meta;
    const auto m = static_cast<metric>(meta->metric);
    auto quantizer = Quantizer::load((*sections)[section::quantizer], meta->dim, metric_of_codes(m));
    if (!quantizer) return std::unexpected(quantizer.error());

    const auto codes = (*sections)[section::codes];
    const std::size_t code_bytes = quantizer->code_bytes();
    const std::size_t stride = meta->code_bytes;
    const auto n = static_cast<std::size_t>(meta->n);
    // Files from before rows were filled up to whole lines have them side by side.
    if ((stride != code_bytes && stride != simd::row_stride(code_bytes)) || codes.size() < simd::code_slack ||
        (codes.size() - simd::code_slack) / stride != n || (codes.size() - simd::code_slack) % stride != 0)
      return fail(errc::corrupt, "the codes have a wrong size", codes.size());
    const auto is_set = [](std::byte b) { return b != std::byte{}; };
    for (std::size_t i = 0; i < n; ++i) {
      const std::byte* code = codes.data() + i * stride;
      if (!quantizer->valid(code) || std::ranges::any_of(code + code_bytes, code + stride, is_set))
        return fail(errc::corrupt, "a code is wrong", i);
    }

    const auto levels = (*sections)[section::levels];
    if (levels.size() != n) return fail(errc::corrupt, "the levels have a wrong size", levels.size());
    auto graph = frozen_graph::from_parts(
        meta->m, view<std::uint8_t>(levels), meta->link_widths, view<std::byte>((*sections)[section::base_links]),
        view<node>((*sections)[section::upper_links]), {meta->entry, meta->entry_level});
    if (!graph) return std::unexpected(graph.error());
    auto rows = permutation::from_parts(n, view<std::byte>((*sections)[section::rows]));
    if (!rows) return std::unexpected(rows.error());
    auto keys = view<label>((*sections)[section::keys]);
    if ((*sections)[section::keys].size() != keys.size() * sizeof(label) || (!keys.empty() && keys.size() != n) ||
        !std::ranges::is_sorted(keys.span(), std::less_equal()))
      return fail(errc::corrupt, "the labels are wrong", keys.size());

    index_parts parts(std::move(*quantizer));
    parts.meta = *meta;
    parts.half_fingerprint = description->half_fingerprint;
    if (sections->version() == index_version_of_gamma) parts.default_gamma = description->default_gamma;
    parts.codes = view<std::byte>(codes);
    parts.graph = std::move(*graph);
    parts.rows = std::move(*rows);
    parts.keys = std::move(keys);
    return parts;
  }

  [[nodiscard]] simd::code_rows rows_of_codes() const { return {codes.data(), meta.code_bytes}; }

  // Hands the bytes of a file to the sink, in order. Errors: the sink's.
  [[nodiscard]] expected<void> write(byte_sink sink) const {
    const index_description whole{
        .meta = meta, .half_fingerprint = half_fingerprint, .default_gamma = default_gamma.value_or(0), .reserved = 0};
    // The oldest that can tell it.
    const std::uint32_t version = default_gamma           ? index_version_of_gamma
                                  : half_fingerprint != 0 ? index_version_of_halfs
                                                          : index_version;
    const auto description = std::as_bytes(std::span(&whole, 1)).first(description_bytes(version));
    return write_index_file(version,
                            {{{section::meta, description},
                              {section::quantizer, quantizer.parameters()},
                              {section::codes, codes.span()},
                              {section::levels, std::as_bytes(graph.levels())},
                              {section::base_links, graph.base().lists()},
                              {section::upper_links, std::as_bytes(graph.upper_links())},
                              {section::rows, rows.forward()},
                              {section::keys, std::as_bytes(keys.span())}}},
                            sink);
  }

 private:
  [[nodiscard]] static expected<index_description> parse_meta(std::span<const std::byte> bytes, std::uint32_t version) {
    if (bytes.size() != description_bytes(version))
      return fail(errc::corrupt, "the description has a wrong size", bytes.size());
    index_description whole{};
    std::memcpy(&whole, bytes.data(), bytes.size());
    const index_meta& meta = whole.meta;
    if (meta.quantizer != Quantizer::file_id)
      return fail(errc::wrong_quantizer, "the index was built with another quantizer: open it as that, or as any_index",
                  meta.quantizer);
    if (meta.n == 0 || meta.n > max_nodes || meta.dim == 0 || meta.dim > max_dim ||
        meta.metric > static_cast<std::uint32_t>(metric::cosine) || meta.ef_construction > max_ef_construction ||
        meta.default_ef == 0 || meta.default_ef > max_default_ef || !is_gamma(whole.default_gamma) ||
        whole.reserved != 0)
      return fail(errc::corrupt, "the description is out of range");
    return whole;
  }

  // A section used in place. Odd bytes at its end make the size wrong, which its user reports.
  template <class T>
  [[nodiscard]] static aligned_buffer<T> view(std::span<const std::byte> bytes) {
    const std::size_t whole = bytes.size() % sizeof(T) == 0 ? bytes.size() / sizeof(T) : 0;
    return aligned_buffer<T>::borrow({reinterpret_cast<const T*>(bytes.data()), whole});
  }
};

}  // namespace thimble::inline THIMBLE_FLAGS
