// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// thimble on Windows: vectors in a file, an index built from it, saved, opened and searched; and what goes wrong with
// files there. Compiled by mingw-w64, run where there is Wine: `windows FOLDER`.

#include <cstdint>
#include <cstdio>
#include <string>
#include <thimble/thimble.hpp>
#include <utility>
#include <vector>

// After thimble: both declare what thimble uses of Windows.
#include <windows.h>

namespace {

using namespace thimble;

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("not so: %s\n", what);
  ++failures;
}

template <class T>
bool fails_with(const expected<T>& outcome, errc code) {
  return !outcome && outcome.error().code == code;
}

expected<void> write_file(const std::string& path, std::span<const std::byte> bytes) {
  auto file = atomic_file::create(path.c_str());
  if (!file) return std::unexpected(file.error());
  if (auto written = file->write(bytes); !written) return written;
  return file->commit();
}

bool exists(const std::string& path) { return ::GetFileAttributesA(path.c_str()) != INVALID_FILE_ATTRIBUTES; }

void check_files(const std::string& folder) {
  const std::string path = folder + "/f\xc3\xbcnf.bin";
  const std::byte five[5] = {};
  expect(write_file(path, five).has_value(), "a file is written, its name in UTF-8");
  expect(write_file(path, std::span(five).first(3)).has_value(), "and replaced");
  const auto mapped = mapped_file::open(path.c_str());
  expect(mapped && mapped->size() == 3 && *mapped->current_size() == 3, "it is mapped");
  expect(fails_with(write_file(path, five), errc::cannot_write), "a mapped file is not replaced");
  expect(mapped && mapped->bytes()[2] == std::byte{}, "and stays whole");
  {
    auto dropped = atomic_file::create((folder + "/dropped").c_str());
    expect(dropped && dropped->write(five).has_value(), "a file is begun");
  }
  expect(!exists(folder + "/dropped"), "and is not there where it was not committed");
  expect(write_file(folder + "/empty", {}).has_value(), "a file may be empty");
  const auto empty = mapped_file::open((folder + "/empty").c_str());
  expect(empty && empty->bytes().empty(), "an empty file is mapped to nothing");
  expect(fails_with(mapped_file::open((folder + "/none").c_str()), errc::cannot_open), "no file");
  expect(fails_with(mapped_file::open(folder.c_str()), errc::cannot_open), "a folder is no file to read");
  expect(fails_with(atomic_file::create(folder.c_str()), errc::cannot_write), "nor one to write");
  expect(fails_with(atomic_file::create((folder + "/none/file").c_str()), errc::cannot_write), "no folder");
  expect(fails_with(mapped_file::open("\xff"), errc::cannot_open), "no UTF-8");
}

void check_index(const std::string& folder) {
  constexpr std::uint32_t n = 2000, dim = 48;
  std::vector<std::byte> bytes(8 + n * dim * sizeof(float));
  store_as(bytes.data(), n);
  store_as(bytes.data() + 4, dim);
  random_generator random(1);
  for (std::size_t i = 0; i < n * dim; ++i)
    store_as(bytes.data() + 8 + i * sizeof(float), static_cast<float>(random.uniform()));
  const std::string vectors = folder + "/base.fbin", path = folder + "/base.thimble";
  if (!write_file(vectors, bytes)) return expect(false, "vectors are written");
  auto store = mmap_store::open(vectors.c_str());
  if (!store) return expect(false, "vectors are mapped");
  const auto built = index<rabitq<4>>::build(*store, {.threads = 2});
  if (!built) return expect(false, "an index is built");
  expect(built->save(path.c_str()).has_value(), "an index is saved");
  const auto opened = any_index::open(path.c_str());
  if (!opened) return expect(false, "an index is opened");
  std::vector<float> room(dim);
  for (std::size_t i = 0; i < n; i += 100) {
    const auto hits = opened->search(*store->row(i, room), {.k = 1}, *store);
    expect(hits && hits->size() == 1 && (*hits)[0].id == i && (*hits)[0].distance == 0, "a vector finds itself");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  check_files(argv[1]);
  check_index(argv[1]);
  std::printf("%s kernels, %d failures\n", simd::name(simd::best()).data(), failures);
  return failures == 0 ? 0 : 1;
}
