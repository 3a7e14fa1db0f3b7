# MuJoCo from the wheel that cmake/bootstrap.sh unpacks into .deps/python; defines MuJoCo::MuJoCo.
set(MuJoCo_ROOT "${PROJECT_SOURCE_DIR}/.deps/python/mujoco" CACHE PATH "Folder with include/mujoco and libmujoco.so.*")
find_path(MuJoCo_INCLUDE_DIR mujoco/mujoco.h PATHS "${MuJoCo_ROOT}/include" NO_DEFAULT_PATH)
file(GLOB MuJoCo_LIBRARY "${MuJoCo_ROOT}/libmujoco.so.*")
if(MuJoCo_LIBRARY MATCHES "libmujoco\\.so\\.([0-9.]+)$")
  set(MuJoCo_VERSION "${CMAKE_MATCH_1}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MuJoCo REQUIRED_VARS MuJoCo_LIBRARY MuJoCo_INCLUDE_DIR VERSION_VAR MuJoCo_VERSION
  REASON_FAILURE_MESSAGE "run `make deps` first")
if(MuJoCo_FOUND AND NOT TARGET MuJoCo::MuJoCo)
  add_library(MuJoCo::MuJoCo SHARED IMPORTED)
  set_target_properties(MuJoCo::MuJoCo PROPERTIES
    IMPORTED_LOCATION "${MuJoCo_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${MuJoCo_INCLUDE_DIR}")
endif()
