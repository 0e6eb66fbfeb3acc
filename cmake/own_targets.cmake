# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# What tests, benchmarks and examples share. None of it reaches a consumer of thimble::thimble.

# Strict warnings for our own code.
add_library(thimble_warnings INTERFACE)
target_compile_options(thimble_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
# GCC 12 sees overlapping and overlong copies in std::string and std::vector that are not there (its bugs 105651, 105329).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(thimble_warnings INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()

# For the machine that compiles. Clang 19 warns of what it finds by itself on a processor with AVX10 (avx10.1-256).
set(thimble_march_native -march=native $<$<CXX_COMPILER_ID:Clang>:-Wno-invalid-feature-combination>)

# thimble_own_target(<target>): the library, the warnings, and ISO C++ (no GNU extensions) for one of our targets.
function(thimble_own_target target)
  target_link_libraries(${target} PRIVATE thimble::thimble thimble_warnings)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

# thimble_has_header(<variable> <header>): 1 where the (system) header is there and this build can use it. hnswlib throws,
# so builds without exceptions go without it, and a cross build has no business in the host's headers.
function(thimble_has_header variable header)
  set(found 0)
  if(NOT CMAKE_CROSSCOMPILING AND NOT CMAKE_CXX_FLAGS MATCHES "-fno-exceptions")
    find_path(${variable}_DIR "${header}")
    if(${variable}_DIR)
      set(found 1)
    endif()
  endif()
  set(${variable} ${found} PARENT_SCOPE)
endfunction()

# The folder with the larger data sets beside the repository, or nothing.
get_filename_component(thimble_shared_data "${PROJECT_SOURCE_DIR}/../shared/data" ABSOLUTE)
if(NOT IS_DIRECTORY "${thimble_shared_data}")
  set(thimble_shared_data "")
endif()
