# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# What the three consumers have in common once thimble::thimble is there: the program, and a look at what came with it.
foreach(property INTERFACE_COMPILE_OPTIONS INTERFACE_COMPILE_DEFINITIONS INTERFACE_LINK_OPTIONS)
  get_target_property(forced thimble::thimble ${property})
  if(forced)
    message(FATAL_ERROR "thimble::thimble forces ${property} on its consumers: ${forced}")
  endif()
endforeach()
foreach(ours thimble_unit_tests thimble_cli thimble_warnings)
  if(TARGET ${ours})
    message(FATAL_ERROR "a consumer's build got thimble's own target ${ours}")
  endif()
endforeach()

# Two files that include everything: a header that defines something twice would not link.
add_executable(consumer "${CMAKE_CURRENT_LIST_DIR}/main.cpp" "${CMAKE_CURRENT_LIST_DIR}/second.cpp")
if(EMSCRIPTEN)
  target_link_libraries(consumer PRIVATE thimble::idbfs thimble::browser thimble::http)
else()
  target_link_libraries(consumer PRIVATE thimble::thimble)
endif()
