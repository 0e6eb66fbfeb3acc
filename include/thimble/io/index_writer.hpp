// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Writes an index file front to back into a sink: a file (io/atomic_file.hpp), or whatever takes bytes in order.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/function_ref.hpp>
#include <thimble/io/checksum.hpp>
#include <thimble/io/index_file.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Takes the next bytes; its errors come back from the writer unchanged.
using byte_sink = function_ref<expected<void>(std::span<const std::byte>)>;

struct section_bytes {
  section kind;
  std::span<const std::byte> bytes;
};

// Reads every section twice: for its checksum, then to write it.
[[nodiscard]] inline expected<void> write_index_file(std::uint32_t version,
                                                     const std::array<section_bytes, n_sections>& sections,
                                                     byte_sink sink) {
  std::array<std::byte, round_up(header_bytes, section_alignment)> head{};
  std::uint64_t end = head.size();
  for (std::size_t i = 0; i < n_sections; ++i) {
    store_as(head.data() + sizeof(file_header) + i * sizeof(section_entry),
             section_entry{.kind = static_cast<std::uint32_t>(sections[i].kind),
                           .reserved = 0,
                           .offset = end,
                           .bytes = sections[i].bytes.size(),
                           .checksum = checksum(sections[i].bytes)});
    end = round_up<std::uint64_t>(end + sections[i].bytes.size(), section_alignment);
  }
  store_as(head.data(),
           file_header{.magic = index_magic, .version = version, .n_sections = n_sections, .file_bytes = end});
  constexpr std::size_t covered = header_bytes - sizeof(std::uint64_t);
  store_as(head.data() + covered, checksum({head.data(), covered}));

  if (auto written = sink(head); !written) return written;
  constexpr std::array<std::byte, section_alignment> zeros{};
  for (const section_bytes& s : sections) {
    const std::size_t padding = round_up(s.bytes.size(), section_alignment) - s.bytes.size();
    if (auto written = sink(s.bytes); !written) return written;
    if (auto written = sink(std::span(zeros).first(padding)); !written) return written;
  }
  return {};
}

}  // namespace thimble::inline THIMBLE_FLAGS
