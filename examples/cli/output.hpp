// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Whether a file can be written, found out now rather than after an hour of work.

#pragma once

#include <string>

namespace thimble::cli {

// Throws a failure where the path is a folder, or is in none that can be written to.
void check_output(const std::string& path);

}  // namespace thimble::cli
