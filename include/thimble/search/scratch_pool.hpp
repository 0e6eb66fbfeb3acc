// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Scratch of searches whose callers bring none: borrowed for one search, reused by the next (core/object_pool.hpp).

#pragma once

#include <thimble/core/config.hpp>
#include <thimble/core/object_pool.hpp>
#include <thimble/search/search_scratch.hpp>

namespace thimble::inline THIMBLE_FLAGS {

using scratch_pool = object_pool<search_scratch>;

}  // namespace thimble::inline THIMBLE_FLAGS
