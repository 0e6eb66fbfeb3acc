// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <thimble/core/half.hpp>
#include <thimble/io/atomic_file.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/metric/vector_check.hpp>
#include <thimble/store/mmap_store.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "commands.hpp"
#include "failure.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace thimble::cli {

namespace {

// One row after another, as the bytes of a file.
class row_bytes {
 public:
  row_bytes(std::size_t dim, bool halfs) : floats_(dim), halfs_(halfs ? dim : 0) {}

  [[nodiscard]] std::span<float> scratch() { return floats_; }

  [[nodiscard]] std::span<const std::byte> of(std::span<const float> row, std::size_t number, const std::string& path) {
    if (!is_finite(row)) refuse(path, number, "NaN, infinity or a value beyond 1e15 [not_finite]");
    if (halfs_.empty()) return std::as_bytes(row);
    for (std::size_t j = 0; j < row.size(); ++j) {
      halfs_[j] = half::nearest(row[j]);
      if (std::isinf(static_cast<float>(halfs_[j]))) refuse(path, number, "a value beyond 65,504, the largest half");
    }
    return std::as_bytes(std::span<const half>(halfs_));
  }

 private:
  [[noreturn]] static void refuse(const std::string& path, std::size_t number, const std::string& what) {
    throw failure(path, "row " + std::to_string(number) + " holds " + what);
  }

  std::vector<float> floats_;
  std::vector<half> halfs_;
};

void write_rows(const mmap_store& vectors, bool halfs, const convert_request& request) {
  auto file = take(atomic_file::create(request.output.c_str()), request.output);
  const std::array<std::uint32_t, 2> head{static_cast<std::uint32_t>(vectors.size()),
                                          static_cast<std::uint32_t>(vectors.dim())};
  std::vector<std::byte> waiting;
  const auto write = [&](std::span<const std::byte> bytes) {
    constexpr std::size_t most = std::size_t{1} << 20;
    waiting.insert(waiting.end(), bytes.begin(), bytes.end());
    if (waiting.size() < most) return;
    take(file.write(waiting), request.output);
    waiting.clear();
    stop_if_interrupted();
  };
  write(std::as_bytes(std::span(head)));
  row_bytes row(vectors.dim(), halfs);
  for (std::size_t i = 0; i < vectors.size(); ++i)
    write(row.of(take(vectors.row(i, row.scratch()), request.input), i, request.input));
  take(file.write(waiting), request.output);
  take(file.commit(), request.output);
}

}  // namespace

void convert(const convert_request& request) {
  const auto format = vector_format_of(request.output);
  if (!format || (*format != vector_format::fbin && *format != vector_format::f16bin))
    throw usage_failure("--output must end with .fbin or .f16bin");
  std::error_code ignored;
  if (std::filesystem::equivalent(request.output, request.input, ignored))
    throw usage_failure("--output names the input file, which would be lost");
  check_output(request.output);
  const auto vectors =
      take(mmap_store::open(request.input.c_str(), {.access = file_access::sequential}), request.input);
  const bool halfs = *format == vector_format::f16bin;
  catch_interrupts();
  write_rows(vectors, halfs, request);

  const std::uint64_t before = std::filesystem::file_size(request.input, ignored);
  const std::uint64_t after = std::filesystem::file_size(request.output, ignored);
  if (request.json) {
    const nlohmann::ordered_json result{{"output", request.output}, {"n", vectors.size()},
                                        {"dim", vectors.dim()},     {"type", halfs ? "float16" : "float32"},
                                        {"input_bytes", before},    {"file_bytes", after}};
    print(result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }
  print(request.output + ": " + with_commas(vectors.size()) + " x " + std::to_string(vectors.dim()) + " values as " +
        (halfs ? "float16" : "float32") + ", " + readable_bytes(after) + "; " + request.input + " takes " +
        readable_bytes(before) + "\n");
}

}  // namespace thimble::cli
