// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels, written once. A stamp (avx2.hpp, ...) includes this file inside the namespace and the target region of
// one instruction set, behind the primitives of that set (ops_*.inl):
//
// - for codes: sums, zero_sums, add_plane<width> (8, 4, 2 and 1 bits), shift_left<by>, fold, arranged_plane,
//   arrange_plane;
//
// - for floats: lanes, vec, zero, load and load_first (of floats and of finite halfs), load_any (of all halfs and of
//   bytes), broadcast, store, add, subtract, larger, multiply (rounded: never fused with the sum), rounded (the same
//   for one float), flip, nearest (integers, ties to even), store_bytes (of such integers), fold, mix<h>;
//
// - for loops: rows_at_once and float_rows_at_once (1 to 4), prefetches.
//
// Nothing here calls std:: or a template from outside the namespace: one that is instantiated inside a wide region
// could be the copy that the linker keeps for the whole program. (plane_bytes and its like are defined before any
// region.)

// All lines of a batch's rows are asked for before the first row is read. Time of a search on Zen 4, of that with the
// first eight lines of the next group of rows into the first cache: .6 to .7 (rows of 204, 392, 404 and 792 bytes), .8
// to .9 (60, 108, 220), 1 (116). Of long batches so many rows ahead.
inline constexpr std::size_t rows_ahead = 32;

// The first Most of n rows.
template <std::size_t Most>
THIMBLE_ALWAYS_INLINE void prefetch(const code_rows& rows, const node* nodes, std::size_t n, std::size_t row_bytes) {
  if constexpr (prefetches) prefetch_rows(rows, nodes, n < Most ? n : Most, row_bytes);
}

// For sets without prefetch (WASM): one word of each of these lines is loaded before the first row is evaluated, so
// that the misses of all rows overlap. Time on random rows of 64 MB at dim 768: .5 to .65 of none (4 bits), .6 (2
// bits), .8 (8 bits), .8 to 1 (1 bit), .9 (floats, halfs); in cache 1 to 1.1. All lines of longer rows: 1.15 (8 bits)
// and 1.35 (floats) times this; only those of the next group: 1.2.
inline constexpr std::size_t touched_lines = 8;

THIMBLE_ALWAYS_INLINE void touch(const code_rows& rows, const node* nodes, std::size_t n, std::size_t row_bytes) {
  if constexpr (!prefetches) {
    const std::size_t most = touched_lines * cache_line;
    const std::size_t end = row_bytes < most ? row_bytes : most;
    for (std::size_t i = 0; i < n; ++i) {
      const auto* row = reinterpret_cast<const volatile unsigned char*>(row_of(rows, nodes[i]));
      for (std::size_t at = 0; at < end; at += cache_line) static_cast<void>(row[at]);
    }
  }
}

// -------------------------------------------------------------------------------------------------- integer codes

// Steps over one plane of the codes and of the query.
template <unsigned Width, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void next_plane(const unsigned char* (&codes)[Rows], const std::int8_t*& values, std::size_t dim,
                                      sums (&partial)[Rows]) {
  const std::size_t bytes = plane_bytes(Width, dim);
  shift_left<Width>(partial);
  add_plane<Width>(codes, values, bytes, partial);
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) codes[r] += bytes;
  values += arranged_plane(Width, dim);
}

// The planes of a code, most significant first, as Horner's rule has it: sums = sums * 2^width + plane.
template <unsigned Bits, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_planes(const integer_query& query, const unsigned char* const (&row)[Rows],
                                      sums (&partial)[Rows]) {
  const auto* values = reinterpret_cast<const std::int8_t*>(query.values);
  if constexpr (Bits == 8) {
    add_plane<8>(row, values, query.dim, partial);
  } else {
    const unsigned char* codes[Rows];
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) codes[r] = row[r];
    if constexpr ((Bits & 4) != 0) next_plane<4>(codes, values, query.dim, partial);
    if constexpr ((Bits & 2) != 0) next_plane<2>(codes, values, query.dim, partial);
    if constexpr ((Bits & 1) != 0) next_plane<1>(codes, values, query.dim, partial);
  }
}

// t of kernel_set.hpp. What leaves int32 on the way comes back: the arithmetic is modulo 2^32.
template <unsigned Bits>
THIMBLE_ALWAYS_INLINE float doubled(std::int32_t dot, std::int32_t query_sum, const unsigned char* factors) {
  std::uint32_t t = 2 * static_cast<std::uint32_t>(dot);
  if constexpr (Bits == 8) {
    std::uint32_t sum;
    __builtin_memcpy(&sum, factors + sizeof(float), sizeof sum);
    t += static_cast<std::uint32_t>(query_sum) - 128 * sum;
  } else {
    t -= ((1u << Bits) - 1) * static_cast<std::uint32_t>(query_sum);
  }
  return static_cast<float>(static_cast<std::int32_t>(t));
}

// The distance from the scaled t and the row's factors (kernel_set.hpp).
template <unsigned Bits>
THIMBLE_ALWAYS_INLINE float corrected(float product, const unsigned char* factors, const integer_query& query) {
  float add;
  __builtin_memcpy(&add, factors, sizeof add);
  float base = query.bases[0];
  if (query.scaled_rows) {
    float scale;
    row_details details;
    __builtin_memcpy(&scale, factors + scale_offset(Bits), sizeof scale);
    __builtin_memcpy(&details, factors + scale_offset(Bits) + sizeof scale, sizeof details);
    product = rounded(product * scale);
    base = query.bases[details.centroid];
  }
  return (add + base) + product;
}

// The second query beside 8 bits. The rows are in cache by now.
template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_remainder(const integer_query& query, const unsigned char* const (&row)[Rows],
                                         float (&products)[Rows]) {
  sums partial[Rows];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) partial[r] = zero_sums();
  add_plane<8>(row, reinterpret_cast<const std::int8_t*>(query.remainder_values), query.dim, partial);
  std::int32_t dots[Rows];
  fold(partial, dots);
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r)
    products[r] +=
        rounded(query.remainder_scale * doubled<8>(dots[r], query.remainder_sum, row[r] + query.factor_offset));
}

// Distances of Rows rows at once: each block of the query is loaded for all of them, and as many cache misses overlap.
// Without prefetch four took .85 of the time of one on random rows, .7 (AVX-512) in cache.
//
// Natively nothing behind a row is read: the tail is masked, for the next row may be written at that moment by another
// thread. In WASM the last block may end behind the row (code_slack).
template <unsigned Bits, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void estimate_group(const integer_query& query, const code_rows& rows, const node* nodes,
                                          float* out) {
  const unsigned char* row[Rows];
  sums partial[Rows];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) {
    row[r] = reinterpret_cast<const unsigned char*>(row_of(rows, nodes[r]));
    partial[r] = zero_sums();
  }
  add_planes<Bits>(query, row, partial);
  std::int32_t dots[Rows];
  fold(partial, dots);
  float products[Rows];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r)
    products[r] = rounded(query.scale * doubled<Bits>(dots[r], query.sum, row[r] + query.factor_offset));
  if (Bits == 8 && query.remainder_values != nullptr) add_remainder(query, row, products);
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) out[r] = corrected<Bits>(products[r], row[r] + query.factor_offset, query);
}

// At most Most rows.
template <unsigned Bits, std::size_t Most>
THIMBLE_ALWAYS_INLINE void estimate_rest(const integer_query& query, const code_rows& rows, const node* nodes,
                                         std::size_t n, float* out) {
  if (n == Most) return estimate_group<Bits, Most>(query, rows, nodes, out);
  if constexpr (Most > 1) estimate_rest<Bits, Most - 1>(query, rows, nodes, n, out);
}

template <unsigned Bits>
void estimate(const integer_query& query, code_rows rows, const node* nodes, std::size_t n, float* out) {
  const std::size_t row_bytes = query.factor_offset + factor_bytes(Bits, query.scaled_rows);
  touch(rows, nodes, n, row_bytes);
  if (!rows.requested) prefetch<rows_ahead>(rows, nodes, n, row_bytes);
  std::size_t i = 0;
  for (; i + rows_at_once <= n; i += rows_at_once) {
    if (!rows.requested && i + rows_ahead < n)
      prefetch<rows_at_once>(rows, nodes + i + rows_ahead, n - i - rows_ahead, row_bytes);
    estimate_group<Bits, rows_at_once>(query, rows, nodes + i, out + i);
  }
  if constexpr (rows_at_once > 1) estimate_rest<Bits, rows_at_once - 1>(query, rows, nodes + i, n - i, out + i);
}

// Blocks of a known size are what GCC's -O2 takes to vector registers.
inline std::int32_t sum_of(const std::int8_t* values, std::size_t dim) {
  constexpr std::size_t block = 64;
  std::int32_t sum = 0;
  std::size_t i = 0;
  for (; i + block <= dim; i += block)
    for (std::size_t j = i; j < i + block; ++j) sum += values[j];
  for (; i < dim; ++i) sum += values[i];
  return sum;
}

inline std::int32_t arrange(unsigned bits, const std::int8_t* values, std::size_t dim, std::byte* to) {
  auto* plane = reinterpret_cast<std::int8_t*>(to);
  for (unsigned width = 8; width > 0; width /= 2) {
    if ((bits & width) == 0) continue;
    arrange_plane(width, values, dim, plane);
    plane += arranged_plane(width, dim);
  }
  return sum_of(values, dim);
}

inline std::int8_t half_of(std::int8_t code) {
  const auto half = static_cast<std::int8_t>((code >> 1) + (code & 1));
  return half < 64 ? half : std::int8_t{63};
}

// A copy of each block, for the compiler cannot know that values are not codes.
inline void halve(const std::int8_t* codes, std::size_t dim, std::int8_t* values) {
  constexpr std::size_t block = 64;
  std::size_t i = 0;
  for (; i + block <= dim; i += block) {
    std::int8_t part[block];
    __builtin_memcpy(part, codes + i, block);
    for (std::size_t j = 0; j < block; ++j) part[j] = half_of(part[j]);
    __builtin_memcpy(values + i, part, block);
  }
  for (; i < dim; ++i) values[i] = half_of(codes[i]);
}

// ----------------------------------------------------------------------------------------------------- float rows

struct squared_difference {
  static THIMBLE_ALWAYS_INLINE vec of(vec a, vec b) {
    const vec difference = subtract(a, b);
    return multiply(difference, difference);
  }
};

struct product {
  static THIMBLE_ALWAYS_INLINE vec of(vec a, vec b) { return multiply(a, b); }
};

// The canonical order: 32 lanes, value i in lane i mod 32, folded in halves. In the tail absent values are zeros: they
// add +0 to lanes that are never -0, which changes no bit.
template <class Term, class Value, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void float_group(const float* query, std::size_t dim, const Value* const (&row)[Rows],
                                       float* out) {
  constexpr std::size_t registers = 32 / lanes;
  vec sum[Rows][registers];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < registers; ++k) sum[r][k] = zero();
  }
  std::size_t i = 0;
  for (; i + 32 <= dim; i += 32) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < registers; ++k) {
      const vec q = load(query + i + k * lanes);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) sum[r][k] = add(sum[r][k], Term::of(q, load(row[r] + i + k * lanes)));
    }
  }
#pragma GCC unroll 8
  for (std::size_t k = 0; k < registers; ++k) {
    const std::size_t at = i + k * lanes;
    if (at < dim) {
      const vec q = load_first(query + at, dim - at);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) sum[r][k] = add(sum[r][k], Term::of(q, load_first(row[r] + at, dim - at)));
    }
  }
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (std::size_t half = registers / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
      for (std::size_t k = 0; k < half; ++k) sum[r][k] = add(sum[r][k], sum[r][k + half]);
    }
    out[r] = fold(sum[r][0]);
  }
}

template <class Term, class Value, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void float_group(const float* query, std::size_t dim, const code_rows& rows, const node* nodes,
                                       float* out) {
  const Value* row[Rows];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) row[r] = reinterpret_cast<const Value*>(row_of(rows, nodes[r]));
  float_group<Term>(query, dim, row, out);
}

// At most Most rows.
template <class Term, class Value, std::size_t Most>
THIMBLE_ALWAYS_INLINE void float_rest(const float* query, std::size_t dim, const code_rows& rows, const node* nodes,
                                      std::size_t n, float* out) {
  if (n == Most) return float_group<Term, Value, Most>(query, dim, rows, nodes, out);
  if constexpr (Most > 1) float_rest<Term, Value, Most - 1>(query, dim, rows, nodes, n, out);
}

template <class Term, class Value>
THIMBLE_ALWAYS_INLINE void float_rows(const float* query, std::size_t dim, const code_rows& rows, const node* nodes,
                                      std::size_t n, float* out) {
  const std::size_t row_bytes = dim * sizeof(Value);
  touch(rows, nodes, n, row_bytes);
  if (!rows.requested) prefetch<rows_ahead>(rows, nodes, n, row_bytes);
  std::size_t i = 0;
  for (; i + float_rows_at_once <= n; i += float_rows_at_once) {
    if (!rows.requested && i + rows_ahead < n)
      prefetch<float_rows_at_once>(rows, nodes + i + rows_ahead, n - i - rows_ahead, row_bytes);
    float_group<Term, Value, float_rows_at_once>(query, dim, rows, nodes + i, out + i);
  }
  if constexpr (float_rows_at_once > 1)
    float_rest<Term, Value, float_rows_at_once - 1>(query, dim, rows, nodes + i, n - i, out + i);
}

inline void l2_rows(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n, float* out) {
  float_rows<squared_difference, float>(query, dim, rows, nodes, n, out);
}
inline void dot_rows(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n,
                     float* out) {
  float_rows<product, float>(query, dim, rows, nodes, n, out);
}
inline void l2_half_rows(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n,
                         float* out) {
  float_rows<squared_difference, half>(query, dim, rows, nodes, n, out);
}
inline void dot_half_rows(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n,
                          float* out) {
  float_rows<product, half>(query, dim, rows, nodes, n, out);
}

inline float l2(const float* a, const float* b, std::size_t dim) {
  const float* const row[1] = {b};
  float out = 0;
  float_group<squared_difference>(a, dim, row, &out);
  return out;
}

inline float dot(const float* a, const float* b, std::size_t dim) {
  const float* const row[1] = {b};
  float out = 0;
  float_group<product>(a, dim, row, &out);
  return out;
}

template <class Value>
THIMBLE_ALWAYS_INLINE void widen(const Value* from, std::size_t n, float* to) {
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store(to + i, load_any(from + i));
  for (; i < n; ++i) to[i] = static_cast<float>(from[i]);
}
inline void widen_halfs(const half* from, std::size_t n, float* to) { widen(from, n, to); }
inline void widen_bytes(const std::uint8_t* from, std::size_t n, float* to) { widen(from, n, to); }

// -------------------------------------------------------------------------------------------------------- queries

struct difference {
  static THIMBLE_ALWAYS_INLINE vec of(vec a, vec b) { return subtract(a, b); }
};

// Of both vectors n values are read, whole blocks are written.
template <class Term>
THIMBLE_ALWAYS_INLINE void each(const float* a, const float* b, std::size_t n, float* out) {
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store(out + i, Term::of(load(a + i), load(b + i)));
  if (i < n) {
    store(out + i, Term::of(load_first(a + i, n - i), load_first(b + i, n - i)));
    i += lanes;
  }
  for (; i % query_block != 0; i += lanes) store(out + i, zero());
}
inline void subtract(const float* a, const float* b, std::size_t n, float* out) { each<difference>(a, b, n, out); }
inline void multiply(float* values, const float* factors, std::size_t n) { each<product>(values, factors, n, values); }

inline float largest_magnitude(const float* values, std::size_t n) {
  vec most = zero();
  for (std::size_t i = 0; i < n; i += lanes) {
    const vec v = load(values + i);
    most = larger(most, larger(v, subtract(zero(), v)));
  }
  float of_lanes[lanes];
  store(of_lanes, most);
  float largest = 0;
  for (std::size_t i = 0; i < lanes; ++i) largest = of_lanes[i] > largest ? of_lanes[i] : largest;
  return largest;
}

inline float round(float* values, std::size_t n, float range, std::int8_t* to) {
  const float largest = largest_magnitude(values, n);
  // 0 where the step's inverse could be no float: distances that small are 0 anyway.
  const bool anything = largest > 1e-30f;
  const float step = anything ? largest / range : 0.0f;
  const vec steps = broadcast(step);
  const vec inverse = broadcast(anything ? range / largest : 0.0f);
  for (std::size_t i = 0; i < n; i += lanes) {
    const vec v = load(values + i);
    const vec whole = nearest(multiply(v, inverse));
    store_bytes(to + i, whole);
    store(values + i, subtract(v, multiply(steps, whole)));
  }
  return step;
}

inline void flip(float* values, const std::uint32_t* signs, std::size_t n) {
  for (std::size_t i = 0; i < n; i += lanes) store(values + i, flip(load(values + i), signs + i));
}

inline void mix_halves(float* values, std::size_t n, float scale) {
  const vec factor = broadcast(scale);
  float* upper = values + n / 2;
  for (std::size_t i = 0; i < n / 2; i += lanes) {
    const vec a = load(values + i);
    const vec b = load(upper + i);
    store(values + i, multiply(add(a, b), factor));
    store(upper + i, multiply(subtract(a, b), factor));
  }
}

// ----------------------------------------------------------------------------------------------------- transform

// Pairs within a register, for all h below its lanes: mix<h> is (a, b) -> (a + b, a - b) for lanes h apart.
template <std::size_t H = 1>
THIMBLE_ALWAYS_INLINE vec mix_lanes(vec v) {
  if constexpr (H < lanes) {
    return mix_lanes<2 * H>(mix<H>(v));
  } else {
    return v;
  }
}

inline void hadamard(float* values, std::size_t n, float scale) {
  if constexpr (lanes > 1)
    for (std::size_t i = 0; i < n; i += lanes) store(values + i, mix_lanes(load(values + i)));
  std::size_t h = lanes;
  // Two steps at once: half the loads and stores.
  for (; 2 * h < n; h *= 4) {
    for (std::size_t i = 0; i < n; i += 4 * h) {
      for (std::size_t j = i; j < i + h; j += lanes) {
        const vec a = load(values + j);
        const vec b = load(values + j + h);
        const vec c = load(values + j + 2 * h);
        const vec d = load(values + j + 3 * h);
        const vec sum = add(a, b), difference = subtract(a, b);
        const vec upper_sum = add(c, d), upper_difference = subtract(c, d);
        store(values + j, add(sum, upper_sum));
        store(values + j + h, add(difference, upper_difference));
        store(values + j + 2 * h, subtract(sum, upper_sum));
        store(values + j + 3 * h, subtract(difference, upper_difference));
      }
    }
  }
  for (; h < n; h *= 2) {
    for (std::size_t i = 0; i < n; i += 2 * h) {
      for (std::size_t j = i; j < i + h; j += lanes) {
        const vec a = load(values + j);
        const vec b = load(values + j + h);
        store(values + j, add(a, b));
        store(values + j + h, subtract(a, b));
      }
    }
  }
  const vec factor = broadcast(scale);
  for (std::size_t i = 0; i < n; i += lanes) store(values + i, multiply(load(values + i), factor));
}

THIMBLE_KERNEL_TABLE constexpr kernel_set kernels = {
    .set = this_set,
    .arrange = arrange,
    .halve = halve,
    .estimate = {nullptr, estimate<1>, estimate<2>, estimate<3>, estimate<4>, estimate<5>, estimate<6>, estimate<7>,
                 estimate<8>},
    .l2_rows = l2_rows,
    .dot_rows = dot_rows,
    .l2_half_rows = l2_half_rows,
    .dot_half_rows = dot_half_rows,
    .l2 = l2,
    .dot = dot,
    .widen_halfs = widen_halfs,
    .widen_bytes = widen_bytes,
    .subtract = subtract,
    .multiply = multiply,
    .round = round,
    .flip = flip,
    .mix_halves = mix_halves,
    .hadamard = hadamard,
};
