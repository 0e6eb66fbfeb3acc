// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "commands.hpp"
#include "text.hpp"
#include "vectors.hpp"

namespace thimble::cli {

void info(const info_request& request) {
  const any_index index = open_index(request.index, "auto");
  const memory_usage memory = index.memory();
  using part = std::pair<const char*, std::size_t>;
  const std::array<part, 7> parts{
      part{"codes", memory.codes},   part{"links", memory.links},   part{"upper_links", memory.upper_links},
      part{"levels", memory.levels}, part{"labels", memory.labels}, part{"visited", memory.visited},
      part{"other", memory.other}};
  const auto per_vector = [&](std::size_t bytes) {
    return index.size() == 0 ? 0.0 : static_cast<double>(bytes) / static_cast<double>(index.size());
  };

  if (request.json) {
    nlohmann::ordered_json result{{"index", request.index},
                                  {"n", index.size()},
                                  {"dim", index.dim()},
                                  {"metric", name(index.metric())},
                                  {"quantizer", index.quantizer_name()},
                                  {"m", index.m()},
                                  {"ef_construction", index.ef_construction()},
                                  {"default_ef", index.default_ef()},
                                  {"default_gamma", number_or_null(index.default_gamma())},
                                  {"seed", index.seed()},
                                  {"simd", simd::name(index.simd())},
                                  {"bytes_per_vector", rounded(index.bytes_per_vector(), 3)}};
    for (const auto& [name, bytes] : parts) {
      result["parts"][name] = rounded(per_vector(bytes), 3);
      result["memory_bytes"][name] = bytes;
    }
    result["memory_bytes"]["total"] = memory.total();
    print(result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }

  const auto line = [](std::string_view what, const std::string& value) {
    std::string text = "  " + std::string(what);
    text.resize(20, ' ');
    return text + value + "\n";
  };
  std::string text =
      request.index + "\n" + line("vectors", with_commas(index.size()) + " x " + std::to_string(index.dim())) +
      line("metric", std::string(name(index.metric()))) + line("quantizer", std::string(index.quantizer_name())) +
      line("m",
           std::to_string(index.m()) + " links a vector, " + std::to_string(2 * index.m()) + " on the lowest level") +
      line("ef_construction", std::to_string(index.ef_construction())) +
      line("default ef", std::to_string(index.default_ef()) + " candidates, of a search that names no other number") +
      (index.default_gamma()
           ? line("default gamma", fixed(static_cast<double>(*index.default_gamma()), 3) + ", of such a search")
           : "") +
      line("seed", std::to_string(index.seed())) +
      line("instruction set", std::string(simd::name(index.simd())) + " on this machine") + "\n";
  const table memory_table{{"memory", 12}, {"bytes", 14}, {"a vector", 10}};
  text += memory_table.head();
  for (const auto& [name, bytes] : parts)
    text += memory_table.row({name, with_commas(bytes), fixed(per_vector(bytes), 2)});
  text += memory_table.row({"total", with_commas(memory.total()), fixed(index.bytes_per_vector(), 2)});
  print(text);
}

}  // namespace thimble::cli
