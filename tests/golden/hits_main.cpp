// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
//   hits_main FOLDER          prints the hits of the golden files; fails where two instruction sets differ
//   hits_main write FOLDER    makes the files and expected_hits.txt again (README.md says when)
//   hits_main codes FOLDER    makes expected_codes.txt again

#include <cstdio>
#include <string>
#include <vector>

#include "golden/golden.hpp"

namespace {

using namespace thimble;

int write(const std::string& folder) {
  for (const golden::golden_file& file : golden::files) {
    build_options options = golden::options;
    options.metric = file.metric;
    auto built = any_index::build(file.quantizer, golden::view(file), options);
    if (!built) return std::fprintf(stderr, "%s\n", built.error().message), 1;
    if (file.gamma)
      if (auto set = built->set_default_ef(golden::ef, file.gamma); !set)
        return std::fprintf(stderr, "%s\n", set.error().message), 1;
    if (auto saved = built->save(golden::path_of(folder, file).c_str()); !saved)
      return std::fprintf(stderr, "%s\n", saved.error().message), 1;
  }
  std::ofstream(folder + "/expected_hits.txt") << golden::hits_of_all(folder, simd::isa::scalar);
  return 0;
}

int write_codes(const std::string& folder) {
  std::ofstream(folder + "/expected_codes.txt") << golden::codes_of_all(simd::isa::scalar);
  return 0;
}

int print(const std::string& folder) {
  const std::string expected = golden::hits_of_all(folder, simd::isa::scalar);
  std::fputs(expected.c_str(), stdout);
  for (const simd::isa set : simd::attainable()) {
    if (golden::hits_of_all(folder, set) == expected) continue;
    std::fprintf(stderr, "%s gives other hits than scalar\n", std::string(name(set)).c_str());
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1) return print(arguments[0]);
  if (arguments.size() == 2 && arguments[0] == "write") return write(arguments[1]);
  if (arguments.size() == 2 && arguments[0] == "codes") return write_codes(arguments[1]);
  std::fputs("usage: hits_main [write|codes] FOLDER\n", stderr);
  return 2;
}
