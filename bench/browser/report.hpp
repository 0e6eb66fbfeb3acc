// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// How a program tells its worker (program.mjs) that what it was asked for has ended: Module.report(message), with an
// empty one where nothing went wrong.

#pragma once

#include <emscripten/em_js.h>

#include <optional>
#include <thimble/core/error.hpp>
#include <thimble/store/store.hpp>
#include <utility>

EM_JS(void, report_to_worker, (const char* message), { Module['report'](UTF8ToString(message)); });

namespace bench {

template <class T>
void report(const thimble::expected<T>& outcome) {
  report_to_worker(outcome ? "" : outcome.error().message);
}

// For what is opened: keeps it, and reports.
template <class T>
thimble::opened<T> kept_in(std::optional<T>& place) {
  return {&place, [](void* context, thimble::expected<T>&& outcome) {
            if (!outcome) return report(outcome);
            *static_cast<std::optional<T>*>(context) = std::move(*outcome);
            report_to_worker("");
          }};
}

inline constexpr thimble::completion then_report{nullptr,
                                                 [](void*, thimble::expected<void> outcome) { report(outcome); }};

}  // namespace bench
