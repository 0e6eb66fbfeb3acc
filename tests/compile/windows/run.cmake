# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs PROGRAM under WINE, whose own files (700 MB) are made in FOLDER and removed again.
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}/files")
set(ENV{WINEPREFIX} "${FOLDER}/wine")
set(ENV{WINEDEBUG} -all)
execute_process(COMMAND "${WINE}" "${PROGRAM}" files WORKING_DIRECTORY "${FOLDER}" RESULT_VARIABLE failed)
file(REMOVE_RECURSE "${FOLDER}")
if(failed)
  message(FATAL_ERROR "the program for Windows failed: ${failed}")
endif()
