# What every target of the suite has in common.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# The sloppiness is what ccache asks for before it takes part in precompiled headers. Paths are noted relative to the
# checkout, so that a second checkout finds what the first one compiled.
find_program(STRIDER_CCACHE ccache)
if(STRIDER_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros
    "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${STRIDER_CCACHE}")
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

# strider_torch_pch(target): compiles a target's sources with LibTorch's headers precompiled, which saves seconds a file.
# The headers are compiled once, and shared: every target must therefore be compiled with the same options. Sources
# include what they use all the same (CMAKE_DISABLE_PRECOMPILE_HEADERS shows whether they do).
function(strider_torch_pch target)
  if(NOT TARGET strider_torch_headers)
    file(WRITE "${PROJECT_BINARY_DIR}/strider_torch_headers.cc" "// Here to compile the precompiled header with.\n")
    add_library(strider_torch_headers OBJECT "${PROJECT_BINARY_DIR}/strider_torch_headers.cc")
    target_link_libraries(strider_torch_headers PRIVATE LibTorch::LibTorch)
    strider_compile_options(strider_torch_headers)
    target_precompile_headers(strider_torch_headers PRIVATE <ATen/ATen.h> <torch/csrc/autograd/autograd.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM strider_torch_headers)
endfunction()

# strider_test(name SOURCES... LINK libraries... [LABELS labels...]): one GoogleTest program, each of its tests known
# to ctest, which asks the program for them when it starts: building a program never runs it.
function(strider_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} strider_test_support GTest::gmock GTest::gtest_main)
  strider_compile_options(${name})
  set(timeout 900)
  if(ARG_LABELS MATCHES "study")
    set(timeout 86400)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120
    PROPERTIES TIMEOUT ${timeout} LABELS "${ARG_LABELS}")
endfunction()
