// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What thimble_web.cpp calls in JavaScript: thimble.mjs puts the two functions on the module.

addToLibrary({
  thimble_web_completed: (ticket, ok) => Module['completed'](ticket, ok),
  thimble_web_progress: (stage, done, total) => +Module['progress'](stage, done, total),
});
