# SPDX-License-Identifier: Apache-2.0
# find_package(mcuedit CONFIG) builds the runtime from source, with the flags of the project that asks for it.
if(NOT TARGET mcuedit::mcuedit)
  add_subdirectory("${CMAKE_CURRENT_LIST_DIR}" "${CMAKE_BINARY_DIR}/mcuedit-runtime")
endif()
