# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# thimble::idbfs, thimble::indexeddb, thimble::opfs, thimble::http: thimble plus the JavaScript library of one browser
# store, for programs linked by Emscripten; a program may link several. thimble::browser has those among which
# browser_store chooses. Used by the build tree and by the installed package, so that one installed copy serves native
# and WebAssembly builds.
#
# thimble_define_browser_stores(<folder of the JavaScript libraries>)
function(thimble_define_browser_stores folder)
  if(NOT CMAKE_SYSTEM_NAME STREQUAL "Emscripten" OR TARGET thimble_browser)
    return()
  endif()
  # What all of them share comes first, and once, however many are linked.
  foreach(part browser idbfs indexeddb opfs http shared_opfs browser_claim)
    set(js_library "${folder}/${part}_library.js")
    add_library(thimble_${part}_library INTERFACE IMPORTED GLOBAL)
    target_link_options(thimble_${part}_library INTERFACE "SHELL:--js-library \"${js_library}\"")
    set_target_properties(thimble_${part}_library PROPERTIES INTERFACE_LINK_DEPENDS "${js_library}")
    if(part STREQUAL "browser")
      target_link_libraries(thimble_browser_library INTERFACE thimble::thimble)
    else()
      target_link_libraries(thimble_${part}_library INTERFACE thimble_browser_library)
    endif()
  endforeach()
  foreach(store idbfs indexeddb opfs http)
    add_library(thimble::${store} ALIAS thimble_${store}_library)
  endforeach()
  add_library(thimble_browser INTERFACE IMPORTED GLOBAL)
  target_link_libraries(thimble_browser INTERFACE
    thimble::opfs thimble::indexeddb thimble_shared_opfs_library thimble_browser_claim_library)
  add_library(thimble::browser ALIAS thimble_browser)
endfunction()
