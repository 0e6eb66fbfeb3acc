// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Files of vectors made byte by byte, as other programs write them, and a file of the test's own that goes with it.

#pragma once

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::test {

class byte_writer {
 public:
  template <class T>
  byte_writer& put(T value) {
    bytes_.resize(bytes_.size() + sizeof(T));
    store_as(bytes_.data() + bytes_.size() - sizeof(T), value);
    return *this;
  }
  byte_writer& put_big_endian(std::uint32_t value) { return put(__builtin_bswap32(value)); }
  byte_writer& text(std::string_view characters) {
    for (const char c : characters) put(c);
    return *this;
  }
  byte_writer& zeros(std::size_t n) {
    bytes_.resize(bytes_.size() + n);
    return *this;
  }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

// As numpy.save pads it: the values begin at a multiple of 64.
inline std::vector<std::byte> npy_file(std::string_view dict, std::size_t value_bytes, unsigned version = 1) {
  const std::size_t prefix = version == 1 ? 10 : 12;
  std::string text(dict);
  text.resize((prefix + dict.size() + 1 + 63) / 64 * 64 - prefix - 1, ' ');
  text += '\n';
  byte_writer file;
  file.text("\x93NUMPY").put(static_cast<std::uint8_t>(version)).put(std::uint8_t{0});
  if (version == 1)
    file.put(static_cast<std::uint16_t>(text.size()));
  else
    file.put(static_cast<std::uint32_t>(text.size()));
  return file.text(text).zeros(value_bytes).bytes();
}

// Written to the folder of the build's test cache, removed at the end.
class temporary_file {
 public:
  temporary_file(std::string_view name, std::span<const std::byte> bytes)
      : path_(std::string(THIMBLE_TEST_CACHE) + "/" + std::string(name)) {
    write(bytes);
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { (void)std::remove(path_.c_str()); }

  void write(std::span<const std::byte> bytes) const {
    std::FILE* file = std::fopen(path_.c_str(), "wb");
    if (file == nullptr) return;
    (void)std::fwrite(bytes.data(), 1, bytes.size(), file);
    (void)std::fclose(file);
  }

  [[nodiscard]] const char* path() const { return path_.c_str(); }

 private:
  std::string path_;
};

}  // namespace thimble::test
