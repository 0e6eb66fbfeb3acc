// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// An index whose quantizer is chosen at run time: by name when it is built, by the file's header when it is opened. The
// same members as index<Quantizer>; one branch a search.
//
// any_index knows the library's own quantizers. Each is 30 to 45 KB of code in a program that builds, opens and
// searches, so one that needs fewer, or has its own, names them: any_index_of<sq8, rabitq<1>, mine>.

#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/index/index.hpp>
#include <thimble/quant/float16.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/quant/sq4.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// A quantizer as a value: its number in files.
enum class quantizer_kind : std::uint32_t {};

template <quantizer Quantizer>
inline constexpr quantizer_kind kind_of{Quantizer::file_id};

template <quantizer... Quantizers>
class any_index_of {
  // Recursion in place of std::visit, which may throw.
  template <std::size_t I = 0, class Call>
  auto visit(Call&& call) const {
    if constexpr (I + 1 < sizeof...(Quantizers))
      if (held_.index() != I) return visit<I + 1>(call);
    return call(*std::get_if<I>(&held_));
  }

  template <std::size_t I = 0, class Call>
  auto visit_to_change(Call&& call) {
    if constexpr (I + 1 < sizeof...(Quantizers))
      if (held_.index() != I) return visit_to_change<I + 1>(call);
    return call(*std::get_if<I>(&held_));
  }

  // make.operator()<Quantizer>() of the kind, which is in the list.
  template <class First, class... Rest, class Make>
  [[nodiscard]] static expected<any_index_of> make_one(quantizer_kind kind, Make&& make) {
    if constexpr (sizeof...(Rest) > 0)
      if (kind != kind_of<First>) return make_one<Rest...>(kind, make);
    auto made = make.template operator()<First>();
    if (!made) return std::unexpected(made.error());
    return any_index_of(variant(std::in_place_type<index<First>>, std::move(*made)));
  }

 public:
  static constexpr std::array kinds{kind_of<Quantizers>...};
  static_assert(
      [] {
        auto sorted = kinds;
        std::ranges::sort(sorted);
        return std::ranges::adjacent_find(sorted) == sorted.end();
      }(),
      "two quantizers with one number in files");

  [[nodiscard]] static constexpr bool knows(quantizer_kind kind) { return ((kind == kind_of<Quantizers>) || ...); }

  // Of a kind in the list; else "unknown".
  [[nodiscard]] static constexpr std::string_view name_of(quantizer_kind kind) {
    std::string_view name = "unknown";
    (void)((kind == kind_of<Quantizers> ? (name = Quantizers::name, true) : false) || ...);
    return name;
  }

  // Error: invalid_argument, with a message that names all there are.
  [[nodiscard]] static constexpr expected<quantizer_kind> parse_quantizer(std::string_view text) {
    for (const quantizer_kind kind : kinds)
      if (text == name_of(kind)) return kind;
    return fail(errc::invalid_argument, unknown_quantizer.data());
  }

  // As index::build. Errors: the same, and invalid_argument (a kind that is not in the list).
  template <row_source Rows>
  [[nodiscard]] static expected<any_index_of> build(quantizer_kind kind, const Rows& vectors,
                                                    const build_options& options = {}) {
    if (!knows(kind)) return fail(errc::invalid_argument, unknown_quantizer.data(), static_cast<std::uint64_t>(kind));
    return make_one<Quantizers...>(kind,
                                   [&]<quantizer Quantizer>() { return index<Quantizer>::build(vectors, options); });
  }

#if THIMBLE_FILES
  // As index::open and index::save.
  [[nodiscard]] static expected<any_index_of> open(const char* path, const open_options& options = {}) {
    const auto kind = [&]() -> expected<quantizer_kind> {
      const auto file = mapped_file::open(path);
      if (!file) return std::unexpected(file.error());
      return kind_in(file->bytes());
    }();
    if (!kind) return std::unexpected(kind.error());
    return make_one<Quantizers...>(*kind, [&]<quantizer Quantizer>() { return index<Quantizer>::open(path, options); });
  }
  [[nodiscard]] expected<void> save(const char* path) const {
    return visit([&](const auto& i) { return i.save(path); });
  }
#endif

  [[nodiscard]] static expected<any_index_of> open(aligned_buffer<std::byte> file, const open_options& options = {}) {
    const auto kind = kind_in(file.span());
    if (!kind) return std::unexpected(kind.error());
    return make_one<Quantizers...>(
        *kind, [&]<quantizer Quantizer>() { return index<Quantizer>::open(std::move(file), options); });
  }
  [[nodiscard]] expected<void> save(byte_sink sink) const {
    return visit([&](const auto& i) { return i.save(sink); });
  }

  [[nodiscard]] expected<hits> search(std::span<const float> query, const search_params& params = {}) const {
    return visit([&](const auto& i) { return i.search(query, params); });
  }
  template <store Store>
  [[nodiscard]] expected<hits> search(std::span<const float> query, const search_params& params, Store& from) const {
    return visit([&](const auto& i) { return i.search(query, params, from); });
  }
  template <store Store>
  [[nodiscard]] expected<std::span<const neighbor>> search(std::span<const float> query, const search_params& params,
                                                           Store& from, search_scratch& scratch) const {
    return visit([&](const auto& i) { return i.search(query, params, from, scratch); });
  }
  [[nodiscard]] expected<void> begin(std::span<const float> query, const search_params& params, search_scratch& scratch,
                                     std::size_t rows_at_once = all_rows_at_once) const {
    return visit([&](const auto& i) { return i.begin(query, params, scratch, rows_at_once); });
  }
  [[nodiscard]] expected<void> begin_group(std::span<const std::span<const float>> queries, const search_params& params,
                                           std::span<search_scratch> scratches,
                                           std::size_t rows_at_once = all_rows_at_once) const {
    return visit([&](const auto& i) { return i.begin_group(queries, params, scratches, rows_at_once); });
  }
  [[nodiscard]] expected<radius_hits> search_radius(std::span<const float> query, float radius,
                                                    const radius_params& params = {}) const {
    return visit([&](const auto& i) { return i.search_radius(query, radius, params); });
  }
  template <store Store>
  [[nodiscard]] expected<radius_hits> search_radius(std::span<const float> query, float radius,
                                                    const radius_params& params, Store& from) const {
    return visit([&](const auto& i) { return i.search_radius(query, radius, params, from); });
  }
  [[nodiscard]] expected<search_iterator> iterate(std::span<const float> query,
                                                  const iterator_params& params = {}) const {
    return visit([&](const auto& i) { return i.iterate(query, params); });
  }
  [[nodiscard]] bool contains(label id) const {
    return visit([&](const auto& i) { return i.contains(id); });
  }
  [[nodiscard]] expected<void> get(label id, std::span<float> out) const
    requires(decoding_quantizer<Quantizers> && ...)
  {
    return visit([&](const auto& i) { return i.get(id, out); });
  }
  template <store_base Store>
  [[nodiscard]] expected<void> check_store(const Store& from) const {
    return visit([&](const auto& i) { return i.check_store(from); });
  }
  template <store_base Store>
  [[nodiscard]] bool rounded(const Store& from) const {
    return visit([&](const auto& i) { return i.rounded(from); });
  }

  [[nodiscard]] std::size_t size() const {
    return visit([](const auto& i) { return i.size(); });
  }
  [[nodiscard]] std::size_t dim() const {
    return visit([](const auto& i) { return i.dim(); });
  }
  [[nodiscard]] thimble::metric metric() const {
    return visit([](const auto& i) { return i.metric(); });
  }
  [[nodiscard]] unsigned m() const {
    return visit([](const auto& i) { return i.m(); });
  }
  [[nodiscard]] unsigned ef_construction() const {
    return visit([](const auto& i) { return i.ef_construction(); });
  }
  [[nodiscard]] unsigned default_ef() const {
    return visit([](const auto& i) { return i.default_ef(); });
  }
  [[nodiscard]] std::optional<float> default_gamma() const {
    return visit([](const auto& i) { return i.default_gamma(); });
  }
  [[nodiscard]] expected<void> set_default_ef(std::size_t ef, std::optional<float> gamma = {}) {
    return visit_to_change([&](auto& i) { return i.set_default_ef(ef, gamma); });
  }
  [[nodiscard]] std::uint64_t seed() const {
    return visit([](const auto& i) { return i.seed(); });
  }
  [[nodiscard]] std::uint64_t fingerprint() const {
    return visit([](const auto& i) { return i.fingerprint(); });
  }
  [[nodiscard]] std::uint64_t half_fingerprint() const {
    return visit([](const auto& i) { return i.half_fingerprint(); });
  }
  [[nodiscard]] simd::isa simd() const {
    return visit([](const auto& i) { return i.simd(); });
  }
  [[nodiscard]] std::string_view quantizer_name() const {
    return visit([](const auto& i) { return i.quantizer_name(); });
  }
  [[nodiscard]] memory_usage memory() const {
    return visit([](const auto& i) { return i.memory(); });
  }
  [[nodiscard]] double bytes_per_vector() const {
    return visit([](const auto& i) { return i.bytes_per_vector(); });
  }

 private:
  using variant = std::variant<index<Quantizers>...>;

  // "unknown quantizer: use a, b or c", ended by a zero.
  static constexpr auto unknown_quantizer = [] {
    constexpr std::string_view start = "unknown quantizer: use ", comma = ", ", last = " or ";
    constexpr std::size_t n = sizeof...(Quantizers);
    std::array<char, start.size() + (std::string_view(Quantizers::name).size() + ...) + n * last.size() + 1> text{};
    auto at = std::ranges::copy(start, text.begin()).out;
    std::size_t i = 0;
    for (const quantizer_kind kind : kinds) {
      if (i > 0) at = std::ranges::copy(i + 1 < n ? comma : last, at).out;
      at = std::ranges::copy(name_of(kind), at).out;
      ++i;
    }
    return text;
  }();

  explicit any_index_of(variant held) : held_(std::move(held)) {}

  [[nodiscard]] static expected<quantizer_kind> kind_in(std::span<const std::byte> file) {
    const auto id = index_quantizer(file);
    if (!id) return std::unexpected(id.error());
    if (knows(quantizer_kind{*id})) return quantizer_kind{*id};
    // The number may be wrong because the file is damaged, or of another version: that is said first.
    if (const auto sections = index_sections::parse(file); !sections) return std::unexpected(sections.error());
    return fail(errc::wrong_quantizer, "the index was built with a quantizer that this program does not have", *id);
  }

  variant held_;
};

using any_index = any_index_of<float32, float16, sq8, sq4, rabitq<1>, rabitq<2>, rabitq<3>, rabitq<4>, rabitq<5>,
                               rabitq<6>, rabitq<7>, rabitq<8>>;

[[nodiscard]] constexpr std::string_view name(quantizer_kind kind) { return any_index::name_of(kind); }

// Error: invalid_argument, with a message that names all there are.
[[nodiscard]] constexpr expected<quantizer_kind> parse_quantizer(std::string_view text) {
  return any_index::parse_quantizer(text);
}

}  // namespace thimble::inline THIMBLE_FLAGS
