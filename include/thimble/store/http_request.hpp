// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// One range of a file on a server, asked for until there is an answer that stays, with longer and longer waits between
// the tries. What the answer is worth is said by http_answer.hpp.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/store/http_answer.hpp>
#include <thimble/store/http_calls.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct http_options {
  static constexpr std::uint32_t most_requests_ever = 16;
  static constexpr std::uint32_t hour_ms = 3'600'000;

  std::optional<vector_format> format{};       // absent: by the ending of the address, in front of ? and #
  std::optional<std::uint64_t> fingerprint{};  // of the vectors, where it is known (the index has it): believed
  std::uint32_t largest_gap = 16 << 10;        // bytes that nobody wants and that cost less than one more request
  std::uint32_t most_requests = 6;             // of one read under way at once
  std::uint32_t most_tries = 4;                // of one request that finds no answer, or a 408, 429 or 5xx
  std::uint32_t first_wait_ms = 250;           // before the second try; doubled for each further one
  std::uint32_t longest_wait_ms = 10'000;      // a server that asks for more (Retry-After) is not asked again
  std::uint32_t silence_ms = 30'000;           // a try that brings nothing for so long has failed

  // Error: invalid_argument.
  [[nodiscard]] constexpr expected<void> validate() const {
    if (most_requests == 0 || most_requests > most_requests_ever)
      return fail(errc::invalid_argument, "requests at once go from 1 to 16", most_requests);
    if (most_tries == 0) return fail(errc::invalid_argument, "a request needs at least one try");
    if (silence_ms == 0) return fail(errc::invalid_argument, "a server needs some time to answer");
    // Timers of browsers have 31 bits.
    if (silence_ms > hour_ms || longest_wait_ms > hour_ms)
      return fail(errc::invalid_argument, "nobody waits longer than an hour", hour_ms);
    return {};
  }
};

namespace detail {

// What all requests of a store share.
struct http_source {
  aligned_buffer<char> url;  // ends with a zero
  http_options options;
  http_pin pin;
};

// Used again and again; one range at a time. It stays where it is while that is under way.
template <class Transport>
class http_request {
 public:
  // `then` is called later, once: without an error when answer() is there (of any status). Errors: out_of_memory, those
  // of http_error(); to `then` also cancelled.
  [[nodiscard]] expected<void> begin(const http_source& source, std::uint64_t offset, std::uint32_t bytes,
                                     completion then) {
    if (body_.size() < bytes) {
      body_ = {};
      auto room = aligned_buffer<std::byte>::create(bytes);
      if (!room) return std::unexpected(room.error());
      body_ = std::move(*room);
    }
    source_ = &source;
    offset_ = offset;
    bytes_ = bytes;
    then_ = then;
    tries_ = 0;
    aborted_ = false;
    return ask();
  }

  // `then` comes soon, with cancelled.
  void cancel() {
    aborted_ = true;
    Transport::cancel(this);
  }

  [[nodiscard]] const http_answer& answer() const { return answer_; }
  [[nodiscard]] std::span<const std::byte> body() const {
    return {body_.data(), answer_.received < bytes_ ? answer_.received : bytes_};
  }

 private:
  [[nodiscard]] expected<void> ask() {
    ++tries_;
    const http_get what{.url = source_->url.data(),
                        .if_range = source_->pin.if_range(),
                        .offset = offset_,
                        .bytes = bytes_,
                        .silence_ms = source_->options.silence_ms,
                        .body = body_.data(),
                        .answer = &answer_};
    if (const auto outcome = Transport::get(what, &http_request::answered, this); outcome != 0)
      return std::unexpected(http_error(outcome));
    return {};
  }

  static void answered(void* self, std::int32_t outcome, std::uint32_t /*value*/) {
    auto& request = *static_cast<http_request*>(self);
    if (request.aborted_) return request.then_(cancelled());
    if (outcome != 0) return request.then_(std::unexpected(http_error(outcome)));
    if (is_passing(request.answer_.status) && request.wait()) return;
    request.then_({});
  }

  static void waited(void* self, std::int32_t /*outcome*/, std::uint32_t /*value*/) {
    auto& request = *static_cast<http_request*>(self);
    if (request.aborted_) return request.then_(cancelled());
    if (const auto asked = request.ask(); !asked) request.then_(asked);
  }

  // Whether there will be another try.
  [[nodiscard]] bool wait() {
    const http_options& options = source_->options;
    if (tries_ >= options.most_tries) return false;
    const auto ms = http_wait_ms(tries_, options.first_wait_ms, options.longest_wait_ms, answer_.retry_after_ms);
    return ms && Transport::wait(*ms, &http_request::waited, this) == 0;
  }

  static std::unexpected<error> cancelled() { return fail(errc::cancelled, "the read failed elsewhere"); }

  const http_source* source_ = nullptr;
  std::uint64_t offset_ = 0;
  std::uint32_t bytes_ = 0;
  std::uint32_t tries_ = 0;
  bool aborted_ = false;
  completion then_{};
  aligned_buffer<std::byte> body_;
  http_answer answer_;
};

}  // namespace detail

}  // namespace thimble::inline THIMBLE_FLAGS
