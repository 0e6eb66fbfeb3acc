// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Replaces a file as one step: bytes go to a temporary file beside it, which is synced and renamed at the end. A crash,
// a kill or a full disk at any moment leaves the old file as it was (a killed writer may leave its <path>.tmpNNNNNN).
// (On Windows: io/win32_atomic_file.hpp.)

#pragma once

#include <thimble/core/config.hpp>

#if THIMBLE_POSIX

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>   // rename
#include <cstdlib>  // realpath
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class atomic_file {
 public:
  // Error: cannot_write (the folder is absent or not writable), out_of_memory.
  [[nodiscard]] static expected<atomic_file> create(const char* path) {
    atomic_file file;
    if (*path == '\0') return fail(errc::cannot_write, "the output has no name: give its path");
    // Through a symbolic link: the file that it leads to is replaced, not the link.
    char target[PATH_MAX];
    if (::realpath(path, target) != nullptr) path = target;
    struct stat old{};
    const bool replaces = ::stat(path, &old) == 0;
    if (replaces && !S_ISREG(old.st_mode))
      return fail(errc::cannot_write, "the output exists and is not a regular file: choose another path");
    if (auto named = file.name(path); !named) return std::unexpected(named.error());
    // A name of its own for each writer; another process may hold it, or have left it when it was killed.
    for (unsigned attempt = 0; attempt < 100; ++attempt) {
      file.number_temporary((static_cast<std::uint32_t>(::getpid()) + attempt * 7919u) % 1'000'000);
      file.descriptor_ =
          ::open(file.temporary_.data(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, replaces ? 0600 : 0666);
      if (file.descriptor_ >= 0 || errno != EEXIST) break;
    }
    if (file.descriptor_ < 0) return failure(errno);
    // Nobody may read the new file who could not read the old one.
    if (replaces) (void)::fchmod(file.descriptor_, old.st_mode & 0777);
    return file;
  }

  atomic_file(atomic_file&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        path_(std::move(other.path_)),
        temporary_(std::move(other.temporary_)) {}
  atomic_file& operator=(atomic_file&&) = delete;

  // Not committed: the temporary file goes, the old one stays.
  ~atomic_file() {
    if (descriptor_ < 0) return;
    (void)::close(descriptor_);
    (void)::unlink(temporary_.data());
  }

  // Errors: no_space, cannot_write (value: errno).
  [[nodiscard]] expected<void> write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failure(errno);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
  }

  // The new file is on disk under its name when this returns without an error.
  [[nodiscard]] expected<void> commit() {
    if (::fsync(descriptor_) != 0 || std::rename(temporary_.data(), path_.data()) != 0) return failure(errno);
    (void)::close(std::exchange(descriptor_, -1));
    return sync_folder();
  }

 private:
  atomic_file() = default;

  [[nodiscard]] expected<void> name(std::string_view path) {
    constexpr std::string_view suffix = ".tmp000000";
    auto plain = aligned_buffer<char>::create(path.size() + 1);
    if (!plain) return std::unexpected(plain.error());
    auto temporary = aligned_buffer<char>::create(path.size() + suffix.size() + 1);
    if (!temporary) return std::unexpected(temporary.error());
    std::memcpy(plain->data(), path.data(), path.size());
    std::memcpy(temporary->data(), path.data(), path.size());
    std::memcpy(temporary->data() + path.size(), suffix.data(), suffix.size());
    path_ = std::move(*plain);
    temporary_ = std::move(*temporary);
    return {};
  }

  void number_temporary(std::uint32_t number) {
    for (std::size_t at = temporary_.size() - 2; number != 0; --at, number /= 10)
      temporary_[at] = static_cast<char>('0' + number % 10);
  }

  // So that the rename itself outlives a power cut. Some file systems cannot, which is no error.
  [[nodiscard]] expected<void> sync_folder() {
    const std::string_view path(path_.data());
    const std::size_t slash = path.rfind('/');
    if (slash != std::string_view::npos) path_[slash == 0 ? 1 : slash] = '\0';
    const int folder = ::open(slash == std::string_view::npos ? "." : path_.data(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (folder >= 0) {
      (void)::fsync(folder);
      (void)::close(folder);
    }
    return {};
  }

  static std::unexpected<error> failure(int cause) {
    const auto number = static_cast<std::uint64_t>(cause);
    if (cause == ENOSPC || cause == EDQUOT || cause == EFBIG)
      return fail(errc::no_space, "the disk is full: free some space and try again", number);
    if (cause == ENOENT || cause == ENOTDIR)
      return fail(errc::cannot_write, "the folder does not exist: create it", number);
    if (cause == EACCES || cause == EPERM || cause == EROFS)
      return fail(errc::cannot_write, "the folder is not writable: check its permissions", number);
    return fail(errc::cannot_write, "cannot write the file", number);
  }

  int descriptor_ = -1;
  aligned_buffer<char> path_;
  aligned_buffer<char> temporary_;
};

}  // namespace thimble::inline THIMBLE_FLAGS

#elif THIMBLE_WINDOWS
#include <thimble/io/win32_atomic_file.hpp>
#endif
