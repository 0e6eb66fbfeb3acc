// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A quantizer from outside the library: 8 bits a dimension with a scale for each vector, so that rows of very different
// lengths keep their precision. It models thimble::symmetric_quantizer and is then used like the library's own.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <thimble/thimble.hpp>

class own_scale {
 public:
  static constexpr std::string_view name = "own_scale";
  static constexpr std::uint32_t file_id = 64;  // 1..63 are the library's

  // A row of codes: the head, then a signed byte for each dimension: x ~ scale * c.
  struct head {
    float scale;
    float norm2;  // |scale * c|^2
  };

  // Nothing is learnt from the rows, so there are no parameters to save either.
  template <thimble::row_source Rows>
  static thimble::expected<own_scale> train(const Rows& rows, thimble::metric m, const thimble::train_options&) {
    return own_scale(rows.dim(), m);
  }
  std::span<const std::byte> parameters() const { return {}; }
  static thimble::expected<own_scale> load(std::span<const std::byte> parameters, std::size_t dim, thimble::metric m) {
    if (!parameters.empty()) return thimble::fail(thimble::errc::corrupt, "own_scale has no parameters");
    return own_scale(dim, m);
  }

  std::size_t code_bytes() const { return sizeof(head) + (dim_ + 3) / 4 * 4; }
  std::size_t encode_scratch_bytes() const { return 0; }

  void encode(const thimble::simd::kernel_set&, std::span<const float> vector, std::byte*, std::byte* code) const {
    float largest = 0;
    for (const float value : vector) largest = std::max(largest, std::fabs(value));
    head h{.scale = largest / 127, .norm2 = 0};
    std::memset(code, 0, code_bytes());
    for (std::size_t j = 0; j < dim_; ++j) {
      const float c = largest > 0 ? std::nearbyintf(vector[j] / largest * 127) : 0;
      codes(code)[j] = static_cast<std::int8_t>(c);
      h.norm2 += c * h.scale * (c * h.scale);
    }
    std::memcpy(code, &h, sizeof(h));
  }

  // Rows come from files: a hostile scale must not make distances that are no numbers.
  bool valid(const std::byte* code) const {
    const head h = head_of(code);
    return h.scale >= 0 && h.scale <= thimble::max_magnitude && h.norm2 >= 0 && h.norm2 <= 1e35f;
  }

  // A prepared query: |q|^2 on a line of its own, then q as floats.
  std::size_t query_bytes() const { return 64 + (dim_ * sizeof(float) + 63) / 64 * 64; }

  void prepare(const thimble::simd::kernel_set& kernels, std::span<const float> vector, std::byte* query) const {
    const float norm2 = kernels.dot(vector.data(), vector.data(), dim_);
    std::memcpy(query, &norm2, sizeof(norm2));
    std::memcpy(query + 64, vector.data(), dim_ * sizeof(float));
  }

  // What makes it a symmetric_quantizer: the graph is built on its codes. Without this it would be built on sq8's.
  void prepare_from_code(const thimble::simd::kernel_set&, const std::byte* code, std::byte* query) const {
    const head h = head_of(code);
    std::memcpy(query, &h.norm2, sizeof(h.norm2));
    auto* values = reinterpret_cast<float*>(query + 64);
    for (std::size_t j = 0; j < dim_; ++j) values[j] = h.scale * codes(code)[j];
  }

  // Plain C++. thimble::sq8 asks the kernel set for an integer dot product here, which is what makes it fast.
  void estimate(const thimble::simd::kernel_set&, const std::byte* query, thimble::simd::code_rows rows,
                const thimble::node* nodes, std::size_t n, float* distances) const {
    float norm2;
    std::memcpy(&norm2, query, sizeof(norm2));
    const auto* q = reinterpret_cast<const float*>(query + 64);
    for (std::size_t i = 0; i < n; ++i) {
      const std::byte* row = rows.data + nodes[i] * rows.stride;
      const head h = head_of(row);
      float partial[16] = {};  // independent sums, which a compiler may put into one register
      for (std::size_t j = 0; j < dim_; ++j) partial[j % 16] += q[j] * codes(row)[j];
      float dot = 0;
      for (const float p : partial) dot += p;
      dot *= h.scale;
      distances[i] = metric_ == thimble::metric::l2 ? norm2 + h.norm2 - 2 * dot : 1 - dot;
    }
  }

 private:
  own_scale(std::size_t dim, thimble::metric m) : dim_(dim), metric_(m) {}

  static head head_of(const std::byte* code) {
    head h;
    std::memcpy(&h, code, sizeof(h));
    return h;
  }
  static std::int8_t* codes(std::byte* code) { return reinterpret_cast<std::int8_t*>(code + sizeof(head)); }
  static const std::int8_t* codes(const std::byte* code) {
    return reinterpret_cast<const std::int8_t*>(code + sizeof(head));
  }

  std::size_t dim_;
  thimble::metric metric_;
};

static_assert(thimble::symmetric_quantizer<own_scale>);

int main() {
  // The 1,000 pictures of one file are searched for neighbours of the first 100 of the other.
  auto pictures = thimble::mmap_store::open("tests/data/fashion-mnist/query.u8bin");
  auto queries = thimble::mmap_store::open("tests/data/fashion-mnist/base.u8bin");
  if (!pictures || !queries) return std::puts("run this in thimble's top folder"), 1;
  auto mine = thimble::index<own_scale>::build(*pictures, {.metric = thimble::metric::cosine, .ef_construction = 100});
  auto exact = thimble::index<thimble::float32>::build(*pictures, {.metric = thimble::metric::cosine});
  if (!mine || !exact) return std::puts("the build failed"), 1;

  // A file says whose codes it holds: a list of one's own opens it again.
  using any_mine = thimble::any_index_of<thimble::sq8, own_scale>;
  if (auto saved = mine->save("02_custom_quantizer.thimble"); !saved) return std::puts(saved.error().message), 1;
  auto opened = any_mine::open("02_custom_quantizer.thimble");
  std::remove("02_custom_quantizer.thimble");
  if (!opened) return std::puts(opened.error().message), 1;

  int found = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    float room[784];
    const auto query = *queries->row(i, room);
    const auto hits = opened->search(query, {.k = 10, .ef = 64, .rerank = 50}, *pictures);
    const auto truth = exact->search(query, {.k = 10, .ef = 1000, .rerank = 0, .exhaustive = true});
    if (!hits || !truth) return std::puts("a search failed"), 1;
    for (auto [id, distance] : *hits)
      found += std::ranges::any_of(*truth, [&](const thimble::neighbor& t) { return t.id == id; }) ? 1 : 0;
  }
  const std::string_view name = opened->quantizer_name();
  std::printf("%.*s: %.0f bytes a vector, %d of 1000 true neighbours found\n", static_cast<int>(name.size()),
              name.data(), opened->bytes_per_vector(), found);
  return found >= 980 ? 0 : 1;
}
