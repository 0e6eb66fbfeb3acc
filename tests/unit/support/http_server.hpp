// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A server that is a function, in front of which an HTTP store stands without fetch(), and calls that wait for it.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thimble/store/http_store.hpp>
#include <utility>
#include <vector>

namespace thimble::test {

struct http_server_request {
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  std::string if_range;

  friend bool operator==(const http_server_request&, const http_server_request&) = default;
};

// One file, and what becomes of each request for it: the queue is what is under way.
class http_server {
 public:
  explicit http_server(std::vector<std::byte> bytes) : file(std::move(bytes)) { current = this; }
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  ~http_server() {
    EXPECT_TRUE(queue_.empty());
    current = nullptr;
  }

  // Changes the answer to requests[i], whose bytes are in place.
  std::function<void(std::size_t i, detail::http_answer& answer)> meddle = [](std::size_t, detail::http_answer&) {};
  std::vector<std::byte> file;
  std::string etag = "\"one\"";
  std::string modified;
  std::int32_t refuse = 0;  // an outcome: no request can be made
  std::vector<http_server_request> requests;
  std::vector<std::uint32_t> waits;
  std::size_t aborted = 0;
  std::size_t most_at_once = 0;

  // Until nothing is under way; the last request is answered first where `last_first`.
  void run(bool last_first = false) {
    while (!queue_.empty()) {
      most_at_once = std::max(most_at_once, queue_.size());
      const auto at = last_first ? std::prev(queue_.end()) : queue_.begin();
      const waiting next = *at;
      queue_.erase(at);
      if (next.get) answer(next);
      next.then(next.context, 0, 0);
    }
  }

  // The transport.
  static std::int32_t get(const detail::http_get& what, detail::browser_then then, void* context) {
    if (current == nullptr) return detail::not_in_a_browser();
    if (current->refuse != 0) return current->refuse;
    current->requests.push_back({what.offset, what.bytes, what.if_range == nullptr ? "" : what.if_range});
    current->queue_.push_back({what, current->requests.size() - 1, then, context});
    return 0;
  }
  static std::int32_t wait(std::uint32_t ms, detail::browser_then then, void* context) {
    current->waits.push_back(ms);
    current->queue_.push_back({std::nullopt, 0, then, context});
    return 0;
  }
  static void cancel(void* /*context*/) { ++current->aborted; }

 private:
  struct waiting {
    std::optional<detail::http_get> get;
    std::size_t i;
    detail::browser_then then;
    void* context;
  };

  void answer(const waiting& to) const {
    detail::http_answer made{.status = 206, .same_origin = 1};
    const std::uint64_t end = std::min<std::uint64_t>(to.get->offset + to.get->bytes, file.size());
    if (to.get->offset < end) {
      made.received = static_cast<std::uint32_t>(end - to.get->offset);
      std::memcpy(to.get->body, file.data() + to.get->offset, made.received);
    } else {
      made.status = 416;
    }
    const std::string last =
        to.get->offset < end ? std::to_string(to.get->offset) + "-" + std::to_string(end - 1) : "*";
    std::ranges::copy("bytes " + last + "/" + std::to_string(file.size()), made.content_range.begin());
    std::ranges::copy(etag, made.etag.begin());
    std::ranges::copy(modified, made.modified.begin());
    meddle(to.i, made);
    *to.get->answer = made;
  }

  std::vector<waiting> queue_;

  static inline http_server* current = nullptr;
};

using served_store = basic_http_store<http_server>;

struct served_opening {
  int calls = 0;
  expected<served_store> outcome = fail(errc::cancelled, "never called");
};

inline expected<served_store> open_served(http_server& from, std::string_view url = "https://example.org/base.fbin",
                                          const http_options& options = {}) {
  served_opening seen;
  served_store::open(url, options, {&seen, [](void* to, expected<served_store>&& outcome) {
                                      auto& noted = *static_cast<served_opening*>(to);
                                      ++noted.calls;
                                      noted.outcome = std::move(outcome);
                                    }});
  from.run();
  EXPECT_EQ(seen.calls, 1);
  return std::move(seen.outcome);
}

struct served_reading {
  int calls = 0;
  expected<void> outcome = fail(errc::cancelled, "never called");

  [[nodiscard]] completion then() {
    return {this, [](void* self, expected<void> result) {
              ++static_cast<served_reading*>(self)->calls;
              static_cast<served_reading*>(self)->outcome = result;
            }};
  }
};

inline expected<void> read_served(http_server& from, served_store& rows, const std::vector<node>& nodes,
                                  std::vector<float>& out, bool last_first = false) {
  out.assign(nodes.size() * rows.dim(), -1);
  served_reading seen;
  rows.read(nodes, out, seen.then());
  from.run(last_first);
  EXPECT_EQ(seen.calls, 1);
  return seen.outcome;
}

// Blocks, as a batch_store does.
class served_rows {
 public:
  served_rows(http_server& from, served_store& rows) : from_(&from), rows_(&rows) {}
  [[nodiscard]] std::size_t size() const { return rows_->size(); }
  [[nodiscard]] std::size_t dim() const { return rows_->dim(); }
  [[nodiscard]] std::uint64_t fingerprint() const { return rows_->fingerprint(); }
  [[nodiscard]] expected<void> read(std::span<const node> nodes, std::span<float> out) {
    served_reading seen;
    rows_->read(nodes, out, seen.then());
    from_->run();
    return seen.outcome;
  }

 private:
  http_server* from_;
  served_store* rows_;
};

}  // namespace thimble::test
