// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>

#include "commands.hpp"
#include "failure.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "text.hpp"
#include "vectors.hpp"

namespace thimble::cli {

namespace {

// Linux keeps getrusage's figure across exec, so that a large parent would show up in it; VmHWM is this program's own.
std::uint64_t peak_rss_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmHWM:")
      if (std::uint64_t kib = 0; status >> kib) return kib * 1024;
  struct rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
  return static_cast<std::uint64_t>(usage.ru_maxrss);
#else
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
#endif
}

// What the graph's links are decided on where that is left to the library.
template <quantizer... Quantizers>
graph_codes automatic_codes(quantizer_kind kind, std::type_identity<any_index_of<Quantizers...>>) {
  const bool own = ((kind == kind_of<Quantizers> && symmetric_quantizer<Quantizers>) || ...);
  return own ? graph_codes::own : graph_codes::sq8;
}

std::string_view describe(build_stage stage) {
  switch (stage) {
    case build_stage::train:
      return "training";
    case build_stage::encode:
      return "encoding";
    case build_stage::order:
      return "ordering";
    case build_stage::link:
      return "linking ";
  }
  return "building";
}

}  // namespace

void build(const build_request& request) {
  const auto quantizer = parse_quantizer(request.quantizer);
  if (!quantizer) throw usage_failure(quantizer.error().message);
  std::error_code ignored;
  if (std::filesystem::equivalent(request.output, request.input, ignored))
    throw usage_failure("--output names the input file, which would be lost");
  check_output(request.output);
  const auto vectors = take(mmap_store::open(request.input.c_str()), request.input);

  catch_interrupts();
  progress_bar bar;
  const graph_codes built_on = request.build_quantizer == graph_codes::automatic
                                   ? automatic_codes(*quantizer, std::type_identity<any_index>())
                                   : request.build_quantizer;
  const auto report = [&bar](const build_progress& p) { return bar.show(describe(p.stage), p.done, p.total); };
  const build_options options{.metric = *parse_metric(request.metric),
                              .m = request.m,
                              .ef_construction = request.ef_construction,
                              .graph_codes = built_on,
                              .threads = request.threads,
                              .seed = request.seed,
                              .simd = parse_simd(request.simd),
                              .scratch_folder = request.scratch,
                              .progress = report};
  using clock = std::chrono::steady_clock;
  const auto began = clock::now();
  auto index = any_index::build(*quantizer, vectors, options);
  const double seconds = std::chrono::duration<double>(clock::now() - began).count();
  bar.clear();
  stop_if_interrupted();
  if (!index && index.error().code == errc::invalid_argument) throw usage_failure(index.error().message);
  const bool of_scratch = !index && (index.error().code == errc::cannot_write || index.error().code == errc::no_space);
  if (!index) throw failure(of_scratch ? request.scratch : request.input, index.error());

  take(index->save(request.output.c_str()), request.output);
  const double save_seconds = std::chrono::duration<double>(clock::now() - began).count() - seconds;
  const std::uint64_t file_bytes = std::filesystem::file_size(request.output, ignored);
  const double rows_per_second = seconds > 0 ? static_cast<double>(index->size()) / seconds : 0;

  if (request.json) {
    const nlohmann::ordered_json result{{"output", request.output},
                                        {"n", index->size()},
                                        {"dim", index->dim()},
                                        {"metric", name(index->metric())},
                                        {"quantizer", index->quantizer_name()},
                                        {"m", index->m()},
                                        {"ef_construction", index->ef_construction()},
                                        {"build_quantizer", built_on == graph_codes::own ? "own" : "sq8"},
                                        {"seed", index->seed()},
                                        {"threads", thread_executor(request.threads).workers()},
                                        {"simd", simd::name(index->simd())},
                                        {"seconds", rounded(seconds, 6)},
                                        {"save_seconds", rounded(save_seconds, 6)},
                                        {"rows_per_second", rounded(rows_per_second, 1)},
                                        {"bytes_per_vector", rounded(index->bytes_per_vector(), 3)},
                                        {"file_bytes", file_bytes},
                                        {"peak_rss_bytes", peak_rss_bytes()}};
    print(result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }
  print(request.output + ": " + with_commas(index->size()) + " vectors of " + std::to_string(index->dim()) +
        " values, " + std::string(name(index->metric())) + ", " + std::string(index->quantizer_name()) + "\n" +  //
        "  built in    " + readable_seconds(seconds) + ", " + with_commas(static_cast<std::uint64_t>(rows_per_second)) +
        " vectors a second (" + std::string(simd::name(index->simd())) + ")\n" +  //
        "  in memory   " + fixed(index->bytes_per_vector(), 1) + " bytes a vector, where the vectors as float32 take " +
        with_commas(4 * index->dim()) + "\n" +  //
        "  file        " + readable_bytes(file_bytes) + "\n" + "  peak memory " + readable_bytes(peak_rss_bytes()) +
        ", mapped pages included\n");
}

}  // namespace thimble::cli
