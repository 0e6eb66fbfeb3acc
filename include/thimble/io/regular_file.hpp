// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A file that is open for reading: what a mapping and a store of rows in a file stand on. Reads have a place of their
// own each (preadv), so any number of threads may read at once. (On Windows: io/win32_regular_file.hpp.)

#pragma once

#include <thimble/core/config.hpp>

#if THIMBLE_POSIX

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS {

namespace detail {

// Fills the pieces one after another from `offset` on, however little each call of read(offset, pieces) -> ssize_t
// gives and however often a signal interrupts it. Uses the pieces up. Returns the number of bytes, which is less than
// asked for only where the file ends. Error: cannot_read (value: errno).
template <class Read>
[[nodiscard]] expected<std::uint64_t> read_fully(std::uint64_t offset, std::span<iovec> pieces, Read&& read) {
  std::uint64_t total = 0;
  while (!pieces.empty()) {
    const ssize_t got = read(offset + total, std::span<const iovec>(pieces));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return fail(errc::cannot_read, "cannot read the file: check the disk, or the network that it is on",
                  static_cast<std::uint64_t>(errno));
    if (got == 0) break;
    total += static_cast<std::uint64_t>(got);
    auto left = static_cast<std::size_t>(got);
    for (; !pieces.empty() && left >= pieces.front().iov_len; pieces = pieces.subspan(1)) left -= pieces[0].iov_len;
    if (left == 0) continue;
    pieces[0].iov_base = static_cast<std::byte*>(pieces[0].iov_base) + left;
    pieces[0].iov_len -= left;
  }
  return total;
}

}  // namespace detail

class regular_file {
 public:
  regular_file() = default;

  // The error's value is errno. Errors: cannot_open, cannot_read.
  [[nodiscard]] static expected<regular_file> open(const char* path) {
    regular_file file;
    // O_NONBLOCK: opening a pipe must not wait for a writer.
    file.descriptor_ = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file.descriptor_ < 0) return cannot_open(errno);
    struct stat status;
    if (::fstat(file.descriptor_, &status) != 0) return cannot_ask();
    if (S_ISDIR(status.st_mode)) return fail(errc::cannot_open, "this is a folder: name a file in it", EISDIR);
    if (!S_ISREG(status.st_mode))
      return fail(errc::cannot_open, "not a regular file: copy what a pipe or a device holds to a file", ESPIPE);
    file.size_ = static_cast<std::uint64_t>(status.st_size);
    return file;
  }

  regular_file(regular_file&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), size_(std::exchange(other.size_, 0)) {}

  regular_file& operator=(regular_file&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(size_, other.size_);
    return *this;
  }

  ~regular_file() {
    if (descriptor_ >= 0) (void)::close(descriptor_);
  }

  // Bytes, when it was opened.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }

  // Bytes, now: one system call. Error: cannot_read.
  [[nodiscard]] expected<std::uint64_t> current_size() const {
    struct stat status;
    if (::fstat(descriptor_, &status) != 0) return cannot_ask();
    return static_cast<std::uint64_t>(status.st_size);
  }

  // Fills the pieces, which it uses up, from `offset` on; waits for the disk. Fewer bytes than asked for: the file ends
  // there. Error: cannot_read. Thread-safe.
  [[nodiscard]] expected<std::uint64_t> read(std::uint64_t offset, std::span<iovec> pieces) const {
    return detail::read_fully(offset, pieces, [this](std::uint64_t at, std::span<const iovec> into) {
      return ::preadv(descriptor_, into.data(), static_cast<int>(into.size()), static_cast<off_t>(at));
    });
  }

  // The same from the page cache alone; what it could not read at once, or does not know whether it could, is 0 bytes.
  // The pieces may have been written to anyhow. Thread-safe.
  [[nodiscard]] std::uint64_t read_cached([[maybe_unused]] std::uint64_t offset,
                                          [[maybe_unused]] std::span<const iovec> pieces) const {
#ifdef RWF_NOWAIT
    const ssize_t got =
        ::preadv2(descriptor_, pieces.data(), static_cast<int>(pieces.size()), static_cast<off_t>(offset), RWF_NOWAIT);
    return got < 0 ? 0 : static_cast<std::uint64_t>(got);
#else
    return 0;
#endif
  }

  // Hints, where the system takes them: a range is read soon and should be on its way; reads go here and there.
  void will_need([[maybe_unused]] std::uint64_t offset, [[maybe_unused]] std::uint64_t bytes) const {
#ifdef POSIX_FADV_WILLNEED
    (void)::posix_fadvise(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
#endif
  }
  void reads_are_random() const {
#ifdef POSIX_FADV_RANDOM
    (void)::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_RANDOM);
#endif
  }

 private:
  static std::unexpected<error> cannot_ask() {
    return fail(errc::cannot_read, "cannot ask for the file's size", static_cast<std::uint64_t>(errno));
  }

  static std::unexpected<error> cannot_open(int cause) {
    const auto number = static_cast<std::uint64_t>(cause);
    if (cause == ENOENT || cause == ENOTDIR) return fail(errc::cannot_open, "no such file: check the path", number);
    if (cause == EACCES || cause == EPERM)
      return fail(errc::cannot_open, "not readable: check its permissions", number);
    if (cause == EMFILE || cause == ENFILE)
      return fail(errc::cannot_open, "too many open files: raise ulimit -n", number);
    return fail(errc::cannot_open, "cannot open the file", number);
  }

  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS

#elif THIMBLE_WINDOWS
#include <thimble/io/win32_regular_file.hpp>
#endif
