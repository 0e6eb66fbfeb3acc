// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a server answers to a request for a range of bytes, and what may be believed of it: pure functions of the
// answer's status and headers, which are hostile like any bytes from outside. (RFC 9110, sections 13 to 15)

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// One answer, as http_library.js fills it in. Texts end with a zero; one that does not fit is empty, as one that is
// absent or that the server does not show to pages of other origins.
struct http_answer {
  static constexpr std::uint32_t no_retry_after = std::numeric_limits<std::uint32_t>::max();

  std::uint32_t status = 0;    // 0: none came (network, time-out, CORS)
  std::uint32_t received = 0;  // bytes of the body; one more than were asked for where there were more
  std::uint32_t retry_after_ms = no_retry_after;
  std::uint32_t same_origin = 0;  // as the page, so that any header may be sent there
  std::array<char, 256> etag{};
  std::array<char, 64> modified{};
  std::array<char, 96> content_range{};
};
static_assert(offsetof(http_answer, same_origin) == 12 && offsetof(http_answer, etag) == 16 &&
              offsetof(http_answer, modified) == 272 && offsetof(http_answer, content_range) == 336);

// The value of Content-Range: "bytes 0-99/1000"; "bytes */1000" beside 416, where nothing of the range is there.
struct http_content_range {
  static constexpr std::uint64_t unknown = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t first = 0;
  std::uint64_t end = 0;         // behind the last byte; 0: no bytes
  std::uint64_t size = unknown;  // of the whole file

  friend bool operator==(const http_content_range&, const http_content_range&) = default;
};

[[nodiscard]] constexpr std::optional<http_content_range> parse_content_range(std::string_view text) {
  const auto take = [&text](std::string_view word) {
    for (const char c : word) {
      if (text.empty() || (text.front() != c && (c < 'a' || text.front() != c - 'a' + 'A'))) return false;
      text.remove_prefix(1);
    }
    return true;
  };
  // Below 2^53.
  const auto take_number = [&text]() -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const std::string_view before = text;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      value = value * 10 + static_cast<std::uint64_t>(text.front() - '0');
      if (value >= std::uint64_t{1} << 53) return std::nullopt;
      text.remove_prefix(1);
    }
    if (text.size() == before.size()) return std::nullopt;
    return value;
  };
  http_content_range range;
  if (!take("bytes ")) return std::nullopt;
  const bool nothing = take("*");
  if (!nothing) {
    const auto first = take_number();
    if (!first || !take("-")) return std::nullopt;
    const auto last = take_number();
    if (!last || *last < *first) return std::nullopt;
    range.first = *first;
    range.end = *last + 1;
  }
  if (!take("/")) return std::nullopt;
  if (nothing || !take("*")) {
    const auto size = take_number();
    if (!size || range.end > *size) return std::nullopt;
    range.size = *size;
  }
  if (!text.empty()) return std::nullopt;
  return range;
}

// The file as it was when it was opened: every answer has to be from that one.
struct http_pin {
  std::uint64_t size = 0;
  std::array<char, 256> etag{};
  std::array<char, 64> modified{};
  bool same_origin = false;

  // A strong tag says that every byte is the same; of a weak one the time has to be the same, too.
  [[nodiscard]] bool holds(const http_answer& answer) const {
    return etag == answer.etag && (has_strong_etag() || modified == answer.modified);
  }

  // For If-Range, which takes strong tags only. A page of another origin would have to ask for leave to send it, by one
  // more request for each address; holds() sees the same without.
  [[nodiscard]] const char* if_range() const { return same_origin && has_strong_etag() ? etag.data() : nullptr; }

 private:
  [[nodiscard]] bool has_strong_etag() const { return etag[0] == '"'; }
};

// Answers that may be others the next time: no answer at all, a time-out, too many requests, a server in trouble.
[[nodiscard]] constexpr bool is_passing(std::uint32_t status) {
  return status == 0 || status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

// Milliseconds until the next try: `first` after one that failed, twice as long after each further one, at most
// `longest`; longer where the server asks for that. Nothing where it asks for more than `longest`.
[[nodiscard]] constexpr std::optional<std::uint32_t> http_wait_ms(std::uint32_t failed_tries, std::uint32_t first,
                                                                  std::uint32_t longest, std::uint32_t retry_after_ms) {
  const bool asked = retry_after_ms != http_answer::no_retry_after;
  if (asked && retry_after_ms > longest) return std::nullopt;
  std::uint64_t wait = first;
  for (std::uint32_t i = 1; i < failed_tries && wait < longest; ++i) wait *= 2;
  wait = std::min<std::uint64_t>(wait, longest);
  return static_cast<std::uint32_t>(asked ? std::max<std::uint64_t>(wait, retry_after_ms) : wait);
}

[[nodiscard]] constexpr error http_changed() {
  return {errc::store_mismatch, "the file on the server changed since it was opened: open it again"};
}

// What a status other than 200 and 206 means; `refused` is the code of one that stays.
[[nodiscard]] constexpr error http_status_error(std::uint32_t status, errc refused) {
  if (status == 0)
    return {errc::cannot_read, "no answer from the server: the network, a time-out, or CORS headers that are missing"};
  if (status == 429) return {errc::cannot_read, "the server has too many requests: try later", status};
  if (is_passing(status)) return {errc::cannot_read, "the server is in trouble: try later", status};
  if (status == 404 || status == 410) return {refused, "there is no such file on the server", status};
  if (status == 401 || status == 403) return {refused, "the server does not give this file to us", status};
  return {refused, "the server answers with an error: the value is its status", status};
}

[[nodiscard]] constexpr error http_no_ranges() {
  return {errc::unsupported, "the server gives whole files only: vectors need one that answers range requests"};
}

// The checks that any 206 goes through. Errors: unsupported, corrupt, truncated.
[[nodiscard]] inline expected<http_content_range> check_partial(const http_answer& answer, std::uint64_t offset,
                                                                std::uint64_t bytes) {
  if (answer.content_range[0] == '\0')
    return fail(errc::unsupported, "Content-Range is absent, or not in the server's Access-Control-Expose-Headers");
  const auto range = parse_content_range(answer.content_range.data());
  if (!range || range->end == 0)
    return fail(errc::corrupt, "the server answers with a Content-Range that means nothing");
  if (range->size == http_content_range::unknown)
    return fail(errc::unsupported, "the server does not say how large the file is");
  const std::uint64_t end = offset + bytes < range->size ? offset + bytes : range->size;
  if (range->first != offset || range->end > end)
    return fail(errc::corrupt, "the server answers with other bytes than those asked for", offset);
  if (range->end != end || answer.received < end - offset)
    return fail(errc::truncated, "the server's answer is shorter than what was asked for", offset + answer.received);
  if (answer.received > end - offset) return fail(errc::corrupt, "the server's answer is longer than it says", offset);
  return *range;
}

// The first answer, to a request for the file's first bytes. Errors: cannot_open (value: the status), cannot_read,
// unsupported, corrupt, truncated.
[[nodiscard]] inline expected<http_pin> check_first(const http_answer& answer, std::uint32_t bytes) {
  http_pin pin{.etag = answer.etag, .modified = answer.modified, .same_origin = answer.same_origin != 0};
  if (answer.status == 200) return std::unexpected(http_no_ranges());
  if (answer.status == 416) {
    const auto range = parse_content_range(answer.content_range.data());
    if (range && range->size == 0) return pin;
  }
  if (answer.status != 206) return std::unexpected(http_status_error(answer.status, errc::cannot_open));
  const auto range = check_partial(answer, 0, bytes);
  if (!range) return std::unexpected(range.error());
  if (pin.etag[0] == '\0' && pin.modified[0] == '\0')
    return fail(errc::unsupported,
                "ETag and Last-Modified are absent, or not in the server's Access-Control-Expose-Headers");
  pin.size = range->size;
  return pin;
}

// An answer to a request for rows of the pinned file. Errors: store_mismatch (the file changed), cannot_read (value:
// the status), unsupported, corrupt, truncated.
[[nodiscard]] inline expected<void> check_rows_answer(const http_answer& answer, const http_pin& pin,
                                                      std::uint64_t offset, std::uint32_t bytes) {
  // 200: another tag than that of If-Range. 412, 416: the file ends before the range now.
  if (answer.status == 200) return std::unexpected(pin.holds(answer) ? http_no_ranges() : http_changed());
  if (answer.status == 412 || answer.status == 416) return std::unexpected(http_changed());
  if (answer.status != 206) return std::unexpected(http_status_error(answer.status, errc::cannot_read));
  if (!pin.holds(answer)) return std::unexpected(http_changed());
  const auto said = parse_content_range(answer.content_range.data());
  if (said && said->size != http_content_range::unknown && said->size != pin.size)
    return std::unexpected(http_changed());
  if (const auto range = check_partial(answer, offset, bytes); !range) return std::unexpected(range.error());
  return {};
}

}  // namespace thimble::inline THIMBLE_FLAGS::detail
