// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// How a query's values lie for kernels that mask fields out of `register_bytes` of codes at a time and multiply them
// as bytes: for each such stretch of a plane, one register of values for each field (code_layout.hpp).

// Values of a plane: whole stretches.
THIMBLE_ALWAYS_INLINE std::size_t arranged_plane(unsigned width, std::size_t dim) {
  const std::size_t stretches = (plane_bytes(width, dim) + register_bytes - 1) / register_bytes;
  return stretches * register_bytes * (8 / width);
}

inline void arrange_plane(unsigned width, const std::int8_t* values, std::size_t dim, std::int8_t* to) {
  const std::size_t bytes = plane_bytes(width, dim);
  const std::size_t fields = 8 / width;
  const std::size_t arranged = arranged_plane(width, dim);
  if (width == 8) {
    std::size_t i = 0;
    // A copy of each block: the compiler cannot know that `to` is not `values`.
    for (; i + register_bytes <= dim; i += register_bytes) {
      std::int8_t block[register_bytes];
      __builtin_memcpy(block, values + i, register_bytes);
      for (std::size_t j = 0; j < register_bytes; ++j) block[j] = static_cast<std::int8_t>(block[j] + 64);
      __builtin_memcpy(to + i, block, register_bytes);
    }
    for (; i < dim; ++i) to[i] = static_cast<std::int8_t>(values[i] + 64);
    for (; i < arranged; ++i) to[i] = 0;
    return;
  }
  const std::size_t last = arranged - register_bytes * fields;
  __builtin_memset(to + last, 0, register_bytes * fields);
  for (std::size_t block = 0; block < bytes; block += plane_block) {
    const std::size_t in_block = bytes - block < plane_block ? bytes - block : plane_block;
    const std::int8_t* from = values + block * fields;
    std::int8_t* stretch = to + block / register_bytes * register_bytes * fields + block % register_bytes;
    for (std::size_t field = 0; field < fields; ++field) {
      const std::int8_t* of_field = from + field * in_block;
      const std::size_t first = block * fields + field * in_block;
      const std::size_t n = first >= dim ? 0 : dim - first < in_block ? dim - first : in_block;
      if (n == plane_block) {
        __builtin_memcpy(stretch + field * register_bytes, of_field, plane_block);
      } else {
        for (std::size_t j = 0; j < n; ++j) stretch[field * register_bytes + j] = of_field[j];
      }
    }
  }
}
