// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
//   replay FOLDER...          runs the fuzz target on every file of the folders, and on some mutations of each
//   replay seeds FOLDER       writes the smallest valid indexes there: the seeds of the corpus

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "fuzz/open_bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  // NOLINT: libFuzzer's name

namespace {

using namespace thimble;

int write_seeds(const std::string& folder) {
  random_generator random(1);
  std::vector<float> values(8 * 3);
  std::ranges::generate(values, [&] { return static_cast<float>(random.below(9)) - 4; });
  const auto write = [&](quantizer_kind kind, std::size_t n, const std::string& end, std::optional<float> gamma = {}) {
    auto built = any_index::build(kind, matrix_view<float>(values.data(), n, 3), {.m = 2, .ef_construction = 4});
    if (!built || (gamma && !built->set_default_ef(20, gamma))) return false;
    std::ofstream file(folder + "/" + std::string(name(kind)) + "_" + std::to_string(n) + end, std::ios::binary);
    (void)built->save([&](std::span<const std::byte> more) -> expected<void> {
      file.write(reinterpret_cast<const char*>(more.data()), static_cast<std::streamsize>(more.size()));
      return {};
    });
    return true;
  };
  for (const quantizer_kind kind : {kind_of<float32>, kind_of<float16>, kind_of<sq8>, kind_of<sq4>, kind_of<rabitq<1>>,
                                    kind_of<rabitq<7>>, kind_of<rabitq<8>>}) {
    for (const std::size_t n : {1u, 8u})
      if (!write(kind, n, "x3.thimble")) return 1;
  }
  // No halfs: a file of version 4.
  values[0] += .1f;
  return write(kind_of<sq8>, 8, "x3_version4.thimble") && write(kind_of<sq4>, 8, "x3_version5.thimble", .25f) ? 0 : 1;
}

void run(std::span<const std::byte> bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "seeds") return write_seeds(arguments[1]);
  std::size_t n_files = 0, n_runs = 0;
  random_generator random(1);
  for (const std::string& folder : arguments) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      const auto bytes = std::as_bytes(std::span(text));
      run(bytes);
      for (int i = 0; i < 200; ++i) run(fuzz::mutated(bytes, random));
      ++n_files;
      n_runs += 201;
    }
  }
  std::printf("%zu files, %zu runs\n", n_files, n_runs);
  return n_files == 0 ? 1 : 0;
}
