# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# thimble::idbfs, thimble::indexeddb, thimble::opfs, thimble::http: thimble plus the JavaScript library of one browser
# store, for programs linked by Emscripten; a program may link several. Used by the build tree and by the installed
# package, so that one installed copy serves native and WebAssembly builds.
#
# thimble_define_browser_stores(<folder of the JavaScript libraries>)
function(thimble_define_browser_stores folder)
  if(NOT CMAKE_SYSTEM_NAME STREQUAL "Emscripten" OR TARGET thimble_browser)
    return()
  endif()
  # What all of them share comes once, however many are linked.
  foreach(store browser idbfs indexeddb opfs http)
    set(js_library "${folder}/${store}_library.js")
    add_library(thimble_${store} INTERFACE IMPORTED GLOBAL)
    target_link_options(thimble_${store} INTERFACE "SHELL:--js-library \"${js_library}\"")
    set_target_properties(thimble_${store} PROPERTIES INTERFACE_LINK_DEPENDS "${js_library}")
    if(store STREQUAL "browser")
      target_link_libraries(thimble_browser INTERFACE thimble::thimble)
    else()
      target_link_libraries(thimble_${store} INTERFACE thimble_browser)
      add_library(thimble::${store} ALIAS thimble_${store})
    endif()
  endforeach()
endfunction()
