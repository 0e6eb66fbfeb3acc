# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# Install rules and the package that find_package(thimble) finds. Headers have no architecture: one install serves all.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(thimble_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/thimble")

install(TARGETS thimble
  EXPORT thimble-targets
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILE_SET kernels DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.js")
install(EXPORT thimble-targets NAMESPACE thimble:: DESTINATION "${thimble_package_dir}")

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/thimble-config.cmake.in" "${PROJECT_BINARY_DIR}/cmake/thimble-config.cmake"
  INSTALL_DESTINATION "${thimble_package_dir}"
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/cmake/thimble-config-version.cmake"
  COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
install(FILES
  "${PROJECT_BINARY_DIR}/cmake/thimble-config.cmake"
  "${PROJECT_BINARY_DIR}/cmake/thimble-config-version.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/thimble-browser.cmake"
  DESTINATION "${thimble_package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
