# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# Emscripten's own toolchain file, found through the emcc on PATH (3.1.69 or newer; `cmake/emscripten.sh COMMAND` runs a
# command with one on Debian). What comes out runs under Node 24, which cmake/node.sh finds.
find_program(THIMBLE_EMCC emcc REQUIRED)
if(NOT DEFINED ENV{THIMBLE_EMSCRIPTEN_TOOLCHAIN})
  get_filename_component(emcc_file "${THIMBLE_EMCC}" REALPATH)
  get_filename_component(emcc_folder "${emcc_file}" DIRECTORY)
  set(ENV{THIMBLE_EMSCRIPTEN_TOOLCHAIN} "${emcc_folder}/cmake/Modules/Platform/Emscripten.cmake")
  if(NOT EXISTS "$ENV{THIMBLE_EMSCRIPTEN_TOOLCHAIN}")  # a wrapper in /usr/bin: Debian's package
    set(ENV{THIMBLE_EMSCRIPTEN_TOOLCHAIN} "/usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake")
  endif()
endif()
include("$ENV{THIMBLE_EMSCRIPTEN_TOOLCHAIN}")

set(CMAKE_CROSSCOMPILING_EMULATOR "${CMAKE_CURRENT_LIST_DIR}/../node.sh")
