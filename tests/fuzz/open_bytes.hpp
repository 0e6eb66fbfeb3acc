// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What must hold of any bytes that are opened as an index: a named error, or an index that answers every search with
// valid hits and is saved as the same bytes. Shared by the unit tests, the fuzz target and the tests of allocations.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <thimble/core/random.hpp>
#include <thimble/index/any_index.hpp>
#include <thimble/io/checksum.hpp>
#include <thimble/io/index_file.hpp>
#include <vector>

namespace thimble::fuzz {

// Empty: all is well. Else what is wrong.
inline std::string wrong_hits(const any_index& opened, std::span<const float> query, const search_params& params) {
  const auto hits = opened.search(query, params);
  if (!hits) {
    const bool zero = hits.error().code == errc::zero_vector && opened.metric() == metric::cosine;
    return zero ? "" : std::string("a search failed: ") + hits.error().message;
  }
  if (hits->size() != std::min(params.k, opened.size())) return "a search gave too few hits";
  std::vector<label> ids;
  for (const neighbor& hit : *hits) ids.push_back(hit.id);
  std::ranges::sort(ids);
  if (!ids.empty() && ids.back() >= opened.size()) return "a hit is no vector";
  if (std::ranges::adjacent_find(ids) != ids.end()) return "a hit came twice";
  return "";
}

inline std::string wrong_answer(std::span<const std::byte> bytes) {
  auto buffer = aligned_buffer<std::byte>::create(bytes.size());
  if (!buffer) return "";
  std::ranges::copy(bytes, buffer->data());
  const auto opened = any_index::open(std::move(*buffer));
  if (!opened) {
    const errc code = opened.error().code;
    const bool named = code == errc::not_an_index || code == errc::wrong_version || code == errc::wrong_quantizer ||
                       code == errc::truncated || code == errc::corrupt;
    return named ? "" : "opening gave the error " + std::string(name(code));
  }
  std::vector<float> query(opened->dim(), 0.0f);
  for (const float value : {0.0f, 1.0f, -max_magnitude}) {
    std::ranges::fill(query, value);
    for (const search_params& params : {search_params{.k = 1, .ef = 1},
                                        {.k = 10, .ef = 40},
                                        {.k = 1'000'000, .ef = 1},
                                        {.k = 10, .ef = 40, .exhaustive = true}})
      if (const std::string wrong = wrong_hits(*opened, query, params); !wrong.empty()) return wrong;
  }
  for (label id = 0; id < opened->size(); ++id) {
    if (const auto got = opened->get(id, query); !got)
      return std::string("a vector is missing: ") + got.error().message;
    for (const float value : query)
      if (!std::isfinite(value)) return "a vector holds what is no number";
  }
  std::size_t at = 0;
  bool same = true;
  const auto saved = opened->save([&](std::span<const std::byte> more) -> expected<void> {
    same = same && at + more.size() <= bytes.size() && std::ranges::equal(more, bytes.subspan(at, more.size()));
    at += more.size();
    return {};
  });
  if (!saved || !same || at != bytes.size()) return "saving gave other bytes than were opened";
  return "";
}

// Makes all checksums right again, as far as the table of sections lies within the file: what an adversary would do.
inline void fix_checksums(std::span<std::byte> file) {
  if (file.size() < header_bytes) return;
  for (std::uint32_t i = 0; i < n_sections; ++i) {
    std::byte* const at = file.data() + sizeof(file_header) + i * sizeof(section_entry);
    auto entry = load_as<section_entry>(at);
    if (entry.offset > file.size() || entry.bytes > file.size() - entry.offset) continue;
    entry.checksum =
        checksum(file.subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.bytes)));
    store_as(at, entry);
  }
  constexpr std::size_t covered = header_bytes - sizeof(std::uint64_t);
  store_as(file.data() + covered, checksum(file.first(covered)));
}

// A few random changes: bits, bytes, whole words that are often interesting, and now and then the length.
inline std::vector<std::byte> mutated(std::span<const std::byte> file, random_generator& random) {
  std::vector<std::byte> bytes(file.begin(), file.end());
  const auto position = [&](std::size_t room) {
    // Half of them in the header and the description, which are small.
    const std::size_t range = random.below(2) == 0 ? std::min<std::size_t>(320, bytes.size()) : bytes.size();
    return range > room ? static_cast<std::size_t>(random.below(range - room)) : 0;
  };
  constexpr std::uint32_t words[] = {
      0, 1, 2, 63, 64, 127, 200, 0x7f800000, 0x7fc00000, 0x7fffffff, 0x80000000, 0xff7fffff, 0xfffffffe, 0xffffffff};
  for (std::uint64_t i = 0, n = 1 + random.below(3); i < n && bytes.size() > 8; ++i) {
    switch (random.below(4)) {
      case 0:
        bytes[position(0)] ^= std::byte{1} << random.below(8);
        break;
      case 1:
        bytes[position(0)] = static_cast<std::byte>(random.next());
        break;
      case 2:
        store_as(bytes.data() + position(4) / 4 * 4, words[random.below(std::size(words))]);
        break;
      default:
        if (random.below(8) == 0) bytes.resize(static_cast<std::size_t>(random.below(bytes.size() + 128)));
        break;
    }
  }
  return bytes;
}

}  // namespace thimble::fuzz
