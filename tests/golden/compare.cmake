# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -DPROGRAM=program -DFOLDER=folder -P compare.cmake
# What the program prints of the golden files is what expected_hits.txt says.
execute_process(COMMAND "${PROGRAM}" "${FOLDER}" OUTPUT_VARIABLE hits ERROR_VARIABLE said RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} failed (${status}): ${said}")
endif()
file(READ "${FOLDER}/expected_hits.txt" expected)
string(LENGTH "${expected}" bytes)
if(bytes LESS 10000)
  message(FATAL_ERROR "${FOLDER}/expected_hits.txt holds only ${bytes} bytes")
endif()
if(NOT hits STREQUAL expected)
  get_filename_component(name "${PROGRAM}" NAME)
  file(WRITE "${PROGRAM}.hits.txt" "${hits}")
  message(FATAL_ERROR "${name} finds other hits: compare ${PROGRAM}.hits.txt with ${FOLDER}/expected_hits.txt")
endif()
