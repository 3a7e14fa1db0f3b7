# What every target of the suite has in common.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(STRIDER_CCACHE ccache)
if(STRIDER_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${STRIDER_CCACHE}")
endif()
find_program(STRIDER_MOLD mold)
if(STRIDER_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# strider_compile_options(target): warnings are errors, and floating-point expressions are evaluated as written
# (no contraction into fused multiply-adds), so that results are numpy's and MuJoCo's to the bit.
function(strider_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
                                           -ffp-contract=off)
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}")
  if(STRIDER_NATIVE)
    target_compile_options(${target} PRIVATE -march=native)
  endif()
endfunction()

# strider_library(name SOURCES... LINK libraries...)
function(strider_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  strider_compile_options(${name})
endfunction()

# strider_test(name SOURCES... LINK libraries... [LABELS labels...]): one GoogleTest program, each of its tests known
# to ctest.
function(strider_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} strider_test_support GTest::gmock GTest::gtest_main)
  strider_compile_options(${name})
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT 900 LABELS "${ARG_LABELS}")
endfunction()
