// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// An index whose quantizer is chosen at run time: by name when it is built, by the file's header when it is opened. The
// same members as index<Quantizer>; one branch a search.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/index/index.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/sq8.hpp>

namespace thimble::inline THIMBLE_FLAGS {

enum class quantizer_kind : std::uint8_t { float32, sq8 };

[[nodiscard]] constexpr std::string_view name(quantizer_kind kind) {
  return kind == quantizer_kind::float32 ? float32::name : sq8::name;
}

// Errors: unsupported (a quantizer of a later version), invalid_argument (no quantizer at all).
[[nodiscard]] constexpr expected<quantizer_kind> parse_quantizer(std::string_view text) {
  for (const quantizer_kind kind : {quantizer_kind::float32, quantizer_kind::sq8})
    if (text == name(kind)) return kind;
  constexpr std::string_view bits = "rabitq";
  const bool rabitq =
      text.size() == bits.size() + 1 && text.starts_with(bits) && text.back() >= '1' && text.back() <= '8';
  if (text == "float16" || text == "sq4" || rabitq)
    return fail(errc::unsupported, "this quantizer is not in this version: use float32 or sq8");
  return fail(errc::invalid_argument, "unknown quantizer: use float32 or sq8");
}

class any_index {
  // A switch of our own: std::visit may throw.
  template <class Call>
  auto visit(Call&& call) const {
    if (const auto* held = std::get_if<index<float32>>(&held_)) return call(*held);
    return call(*std::get_if<index<sq8>>(&held_));
  }

 public:
  // As index::build. Errors: the same.
  template <row_source Rows>
  [[nodiscard]] static expected<any_index> build(quantizer_kind kind, const Rows& vectors,
                                                 const build_options& options = {}) {
    if (kind == quantizer_kind::float32) return wrap(index<float32>::build(vectors, options));
    return wrap(index<sq8>::build(vectors, options));
  }

#if THIMBLE_POSIX
  // As index::open and index::save.
  [[nodiscard]] static expected<any_index> open(const char* path, const open_options& options = {}) {
    auto kind = [&]() -> expected<std::uint32_t> {
      const auto file = mapped_file::open(path);
      if (!file) return std::unexpected(file.error());
      return index_quantizer(file->bytes());
    }();
    if (!kind) return std::unexpected(kind.error());
    if (*kind == float32::file_id) return wrap(index<float32>::open(path, options));
    return wrap(index<sq8>::open(path, options));
  }
  [[nodiscard]] expected<void> save(const char* path) const {
    return visit([&](const auto& i) { return i.save(path); });
  }
#endif

  [[nodiscard]] static expected<any_index> open(aligned_buffer<std::byte> file, const open_options& options = {}) {
    const auto kind = index_quantizer(file.span());
    if (!kind) return std::unexpected(kind.error());
    if (*kind == float32::file_id) return wrap(index<float32>::open(std::move(file), options));
    return wrap(index<sq8>::open(std::move(file), options));
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
  [[nodiscard]] expected<void> begin(std::span<const float> query, const search_params& params,
                                     search_scratch& scratch) const {
    return visit([&](const auto& i) { return i.begin(query, params, scratch); });
  }
  template <store_base Store>
  [[nodiscard]] expected<void> check_store(const Store& from) const {
    return visit([&](const auto& i) { return i.check_store(from); });
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
  [[nodiscard]] std::uint64_t seed() const {
    return visit([](const auto& i) { return i.seed(); });
  }
  [[nodiscard]] std::uint64_t fingerprint() const {
    return visit([](const auto& i) { return i.fingerprint(); });
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
  using variant = std::variant<index<float32>, index<sq8>>;

  explicit any_index(variant held) : held_(std::move(held)) {}

  template <class Index>
  [[nodiscard]] static expected<any_index> wrap(expected<Index> made) {
    if (!made) return std::unexpected(made.error());
    return any_index(variant(std::move(*made)));
  }

  variant held_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
