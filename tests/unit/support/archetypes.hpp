// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The least that models each concept, and nothing beside it: an algorithm that uses more than its concept promises does
// not compile with these.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <thimble/core/error.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/graph/graph.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/store/store.hpp>
#include <vector>

namespace thimble::test {

// ---------------------------------------------------------------------------------------------------- row_source

// n rows of 2 values on a line: row i is (i, 1).
class minimal_rows {
 public:
  explicit minimal_rows(unsigned n) : n_(n) {}
  minimal_rows(const minimal_rows&) = delete;
  minimal_rows& operator=(const minimal_rows&) = delete;

  [[nodiscard]] unsigned size() const { return n_; }
  [[nodiscard]] static unsigned short dim() { return 2; }
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    scratch[0] = static_cast<float>(i);
    scratch[1] = 1;
    return std::span<const float>(scratch);
  }

 private:
  unsigned n_;
};
static_assert(row_source<minimal_rows>);

// ------------------------------------------------------------------------------------------------------ executor

// Two workers, one after the other; neither copied nor moved.
class minimal_executor {
 public:
  minimal_executor() = default;
  minimal_executor(const minimal_executor&) = delete;
  minimal_executor& operator=(const minimal_executor&) = delete;

  unsigned char workers() { return 2; }
  void run(function_ref<void(unsigned)> job) {
    job(1);
    job(0);
  }
};
static_assert(executor<minimal_executor>);

// --------------------------------------------------------------------------------------------------------- graph

// A ring on level 0; node 0 is the entry, alone on level 1.
class minimal_graph {
 public:
  explicit minimal_graph(node n) : n_(n) {}
  minimal_graph(const minimal_graph&) = delete;
  minimal_graph& operator=(const minimal_graph&) = delete;

  [[nodiscard]] node size() const { return n_; }
  [[nodiscard]] entry_point entry() const { return n_ == 0 ? entry_point{} : entry_point{0, 1}; }
  [[nodiscard]] static unsigned max_degree(unsigned /*level*/) { return 2; }
  template <class Visit>
  void for_each_link(node x, unsigned level, Visit&& visit) const {
    if (level != 0) return;
    visit((x + 1) % n_);
    visit((x + n_ - 1) % n_);
  }
  void prefetch_links(node /*x*/) const {}

 private:
  node n_;
};
static_assert(graph<minimal_graph>);

// ----------------------------------------------------------------------------------------------------- estimator

// Distance on the line from a place.
class minimal_estimator {
 public:
  explicit minimal_estimator(float at) : at_(at) {}
  minimal_estimator(const minimal_estimator&) = delete;
  minimal_estimator& operator=(const minimal_estimator&) = delete;

  void operator()(const node* nodes, std::size_t n, float* out) const {
    for (std::size_t i = 0; i < n; ++i)
      out[i] =
          at_ < static_cast<float>(nodes[i]) ? static_cast<float>(nodes[i]) - at_ : at_ - static_cast<float>(nodes[i]);
  }

 private:
  float at_;
};
static_assert(estimator<minimal_estimator>);

// ----------------------------------------------------------------------------------------------------- quantizer

// Codes are the first value as an int32; distances are differences. Moved only, no default.
template <bool Symmetric>
class minimal_codes {
 public:
  static constexpr const char* name = Symmetric ? "minimal" : "minimal_coarse";
  static constexpr std::uint8_t file_id = Symmetric ? 200 : 201;

  template <row_source Rows>
  [[nodiscard]] static expected<minimal_codes> train(const Rows& /*rows*/, metric /*m*/,
                                                     const train_options& /*options*/) {
    return minimal_codes();
  }
  [[nodiscard]] std::span<const std::byte> parameters() const { return std::as_bytes(std::span(parameters_)); }
  [[nodiscard]] static expected<minimal_codes> load(std::span<const std::byte> parameters, std::size_t /*dim*/,
                                                    metric /*m*/) {
    if (parameters.size() != 4) return fail(errc::corrupt, "four bytes were expected");
    return minimal_codes();
  }
  minimal_codes(minimal_codes&&) = default;
  minimal_codes& operator=(minimal_codes&&) = default;

  [[nodiscard]] std::size_t code_bytes() const { return 4; }
  [[nodiscard]] std::size_t encode_scratch_bytes() const { return 0; }
  void encode(const simd::kernel_set& /*kernels*/, std::span<const float> vector, std::byte* /*scratch*/,
              std::byte* code) const {
    const auto value = static_cast<std::int32_t>(vector[0]);
    std::memcpy(code, &value, 4);
  }
  [[nodiscard]] bool valid(const std::byte* /*code*/) const { return true; }
  [[nodiscard]] std::size_t query_bytes() const { return 64; }
  void prepare(const simd::kernel_set& kernels, std::span<const float> vector, std::byte* query) const {
    encode(kernels, vector, nullptr, query);
  }
  void prepare_from_code(const simd::kernel_set& /*kernels*/, const std::byte* code, std::byte* query) const
    requires Symmetric
  {
    std::memcpy(query, code, 4);
  }
  void estimate(const simd::kernel_set& /*kernels*/, const std::byte* query, simd::code_rows codes, const node* nodes,
                std::size_t n, float* distances) const {
    std::int32_t at, value;
    std::memcpy(&at, query, 4);
    for (std::size_t i = 0; i < n; ++i) {
      std::memcpy(&value, simd::row_of(codes, nodes[i]), 4);
      distances[i] = static_cast<float>(value > at ? value - at : at - value);
    }
  }

 private:
  minimal_codes() = default;
  std::int32_t parameters_[1] = {12};
};
using minimal_quantizer = minimal_codes<true>;
using minimal_coarse_quantizer = minimal_codes<false>;
static_assert(symmetric_quantizer<minimal_quantizer>);
static_assert(quantizer<minimal_coarse_quantizer> && !symmetric_quantizer<minimal_coarse_quantizer>);
static_assert(!bounded_quantizer<minimal_quantizer>);
static_assert(!std::copyable<minimal_quantizer>);

// -------------------------------------------------------------------------------------------------------- stores

class minimal_store_base {
 public:
  explicit minimal_store_base(std::uint64_t fingerprint) : fingerprint_(fingerprint) {}
  minimal_store_base(const minimal_store_base&) = delete;
  minimal_store_base& operator=(const minimal_store_base&) = delete;

  [[nodiscard]] static unsigned size() { return 100; }
  [[nodiscard]] static unsigned short dim() { return 2; }
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  std::uint64_t fingerprint_;
};

class minimal_row_store : public minimal_store_base {
 public:
  using minimal_store_base::minimal_store_base;
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    return rows_.row(i, scratch);
  }

 private:
  minimal_rows rows_{100};
};
static_assert(row_store<minimal_row_store> && !batch_store<minimal_row_store>);

class minimal_batch_store : public minimal_store_base {
 public:
  using minimal_store_base::minimal_store_base;
  expected<void> read(std::span<const node> nodes, std::span<float> out) {
    const minimal_rows rows(size());
    for (std::size_t i = 0; i < nodes.size(); ++i) (void)rows.row(nodes[i], out.subspan(2 * i, 2));
    return {};
  }
};
static_assert(batch_store<minimal_batch_store> && !row_store<minimal_batch_store>);

class minimal_async_store : public minimal_store_base {
 public:
  using minimal_store_base::minimal_store_base;
  void read(std::span<const node> nodes, std::span<float> out, completion then) {
    const minimal_rows rows(size());
    for (std::size_t i = 0; i < nodes.size(); ++i) (void)rows.row(nodes[i], out.subspan(2 * i, 2));
    then({});
  }
};
static_assert(async_store<minimal_async_store> && !store<minimal_async_store>);

}  // namespace thimble::test
