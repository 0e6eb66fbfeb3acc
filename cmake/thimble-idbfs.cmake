# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# thimble::idbfs: thimble plus the JavaScript library of the IDBFS store, for programs linked by Emscripten. Used by
# the build tree and by the installed package, so that one installed copy serves native and WebAssembly builds.
function(thimble_define_idbfs js_library)
  if(NOT CMAKE_SYSTEM_NAME STREQUAL "Emscripten" OR TARGET thimble_idbfs)
    return()
  endif()
  add_library(thimble_idbfs INTERFACE IMPORTED GLOBAL)
  add_library(thimble::idbfs ALIAS thimble_idbfs)
  target_link_libraries(thimble_idbfs INTERFACE thimble::thimble)
  target_link_options(thimble_idbfs INTERFACE "SHELL:--js-library \"${js_library}\"")
  set_target_properties(thimble_idbfs PROPERTIES INTERFACE_LINK_DEPENDS "${js_library}")
endfunction()
