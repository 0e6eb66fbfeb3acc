// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Full-precision vectors in a file on a web server, any format of io/vector_format.hpp, read by range requests: in
// windows, workers and Node, by fetch(). Exact, nothing stays in memory, nothing is downloaded but the rows that are
// asked for. Rows that lie near each other come by one request, and a few requests are under way at once. Link
// thimble::http.
//
// What the server must do: answer "Range: bytes=a-b" by 206 with Content-Range, and give an ETag or Last-Modified. All
// common file servers and object stores do. The file is pinned to what it was when it was opened: an answer from
// another version ends the read with store_mismatch, so that rows of two versions are never mixed. (Two versions within
// one second, of one size, without ETag, cannot be told apart.)
//
// A server of another origin than the page's must send
//   Access-Control-Allow-Origin: * (or the page's origin)
//   Access-Control-Expose-Headers: Content-Range, ETag, Retry-After
// Chromium then asks for ranges without a preflight request; for browsers that send one the server must also answer
// OPTIONS, with Access-Control-Allow-Headers: Range. No cookies go there.
//
// Requests bypass the browser's HTTP cache, which would let requests for one address wait for each other. HTTP/2 and
// later carry all of them on one connection; with HTTP/1.1 browsers open six to a server. Nothing is kept: what is read
// again is asked for again.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/object_pool.hpp>
#include <thimble/core/types.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/store/fingerprint.hpp>
#include <thimble/store/http_answer.hpp>
#include <thimble/store/http_calls.hpp>
#include <thimble/store/http_read.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Transport: detail::fetch_calls, or something of your own that sends requests (http_calls.hpp says what it must do).
template <class Transport>
class basic_http_store {
 public:
  basic_http_store() = default;

  // url: absolute, or relative to the page's or worker's address. One small request brings the header; unless
  // options.fingerprint is given, up to 64 rows follow. Errors: invalid_argument (an option, or no address),
  // unknown_format, those of parse_vector_header; cannot_open (value: the status, 404 for instance), cannot_read
  // (value: the status, or 0 where no answer came, tried options.most_tries times), unsupported (no range requests, or
  // a header that the server does not send or show; outside browsers and Node), store_mismatch, truncated, corrupt,
  // store_unavailable (no fetch here), out_of_memory.
  static void open(std::string_view url, const http_options& options, opened<basic_http_store> then) {
    if (const auto valid = options.validate(); !valid) return then(std::unexpected(valid.error()));
    const auto format = options.format ? expected<vector_format>(*options.format)
                                       : vector_format_of(url.substr(0, url.find_first_of("?#")));
    if (!format) return then(std::unexpected(format.error()));
    auto source = make_owned<detail::http_source>();
    if (!source) return then(std::unexpected(source.error()));
    auto address = aligned_buffer<char>::create(url.size(), 1);
    if (!address) return then(std::unexpected(address.error()));
    std::ranges::copy(url, address->data());
    (**source).url = std::move(*address);
    (**source).options = options;

    auto made = make_owned<opening>(std::move(*source), *format, then);
    if (!made) return then(std::unexpected(made.error()));
    made->release()->begin();
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(layout_.n); }
  [[nodiscard]] std::size_t dim() const { return layout_.dim; }
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }
  [[nodiscard]] const vector_layout& layout() const { return layout_; }

  // Row nodes[i] goes to out[i * dim ..]; nodes ascend. Any number of reads may be under way, each with up to
  // options.most_requests requests and as many buffers of 1 MiB at most. The first error ends the read: requests that
  // are under way are aborted, and `then` is called once they are gone. The store must not be destroyed before. out may
  // be written to even if the read fails, but not after `then` was called. Errors: missing_row (no such row),
  // store_mismatch (the file changed), cannot_read (value: the status, or 0 where no answer came), unsupported,
  // truncated, corrupt, out_of_memory.
  void read(std::span<const node> nodes, std::span<float> out, completion then) {
    THIMBLE_ASSERT(out.size() >= nodes.size() * dim());
    if (nodes.empty()) return then({});
    for (const node row : nodes)
      if (row >= layout_.n) return then(fail(errc::missing_row, "the store has no such row", row));
    detail::http_read<Transport>::begin(*source_, layout_, nodes, out, then);
  }

 private:
  // A store on its way: first the header, then the rows of the fingerprint. It owns itself until it ends.
  struct opening {
    opening(owned<detail::http_source> source, vector_format as, opened<basic_http_store> whom)
        : format(as), then(whom) {
      store.source_ = std::move(source);
    }

    void begin() {
      const auto came = [](void* self, expected<void> outcome) { static_cast<opening*>(self)->take_header(outcome); };
      const auto begun = request.begin(*store.source_, 0, vector_header_bytes, {this, came});
      if (!begun) end(begun);
    }

    void take_header(expected<void> outcome) {
      if (!outcome) return end(outcome);
      const auto pin = detail::check_first(request.answer(), vector_header_bytes);
      if (!pin) return end(std::unexpected(pin.error()));
      const auto layout = parse_vector_header(request.body(), pin->size, format);
      if (!layout) return end(std::unexpected(layout.error()));
      store.source_->pin = *pin;
      store.layout_ = *layout;
      if (const auto known = store.source_->options.fingerprint) {
        store.fingerprint_ = *known;
        return end({});
      }
      const std::size_t count = fingerprint_rows(store.size());
      for (std::size_t i = 0; i < count; ++i) nodes[i] = static_cast<node>(fingerprint_row(i, store.size()));
      auto room = aligned_buffer<float>::create(saturated_product(count, store.dim()));
      if (!room) return end(std::unexpected(room.error()));
      rows = std::move(*room);
      const auto read = [](void* self, expected<void> rows_came) { static_cast<opening*>(self)->take_rows(rows_came); };
      store.read(std::span<const node>(nodes).first(count), rows.span(), {this, read});
    }

    void take_rows(expected<void> outcome) {
      if (!outcome) return end(outcome);
      fingerprint_builder builder(store.size(), store.dim());
      builder.add(rows.span());
      store.fingerprint_ = builder.value();
      end({});
    }

    void end(expected<void> outcome) {
      const owned<opening> last(this);
      if (outcome)
        then(std::move(store));
      else
        then(std::unexpected(outcome.error()));
    }

    basic_http_store store;
    vector_format format;
    opened<basic_http_store> then;
    detail::http_request<Transport> request;
    std::array<node, fingerprint_rows(static_cast<std::size_t>(max_nodes))> nodes{};
    aligned_buffer<float> rows;
  };

  owned<detail::http_source> source_;  // stays where it is when the store is moved
  vector_layout layout_;
  std::uint64_t fingerprint_ = 0;
};

using http_store = basic_http_store<detail::fetch_calls>;

static_assert(async_store<http_store>);

}  // namespace thimble::inline THIMBLE_FLAGS
