# LibTorch from the torch wheel that cmake/bootstrap.sh unpacks into .deps/python; defines LibTorch::LibTorch.
# The wheel's own CMake configuration demands a CUDA toolkit even for the CPU, hence this module.
set(LibTorch_ROOT "${PROJECT_SOURCE_DIR}/.deps/python/torch" CACHE PATH "Folder with include/ and lib/ of LibTorch")
find_path(LibTorch_INCLUDE_DIR ATen/ATen.h PATHS "${LibTorch_ROOT}/include" NO_DEFAULT_PATH)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS "${LibTorch_ROOT}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 PATHS "${LibTorch_ROOT}/lib" NO_DEFAULT_PATH)
if(EXISTS "${LibTorch_ROOT}/version.py")
  file(STRINGS "${LibTorch_ROOT}/version.py" version_line REGEX "^__version__")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${version_line}")
endif()
set(required LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR)
if(STRIDER_CUDA)
  find_library(LibTorch_CUDA_LIBRARY torch_cuda PATHS "${LibTorch_ROOT}/lib" NO_DEFAULT_PATH)
  find_library(LibTorch_C10_CUDA_LIBRARY c10_cuda PATHS "${LibTorch_ROOT}/lib" NO_DEFAULT_PATH)
  list(APPEND required LibTorch_CUDA_LIBRARY LibTorch_C10_CUDA_LIBRARY)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS ${required} VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run `make deps` first")
if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  set(libraries "${LibTorch_CPU_LIBRARY}" "${LibTorch_C10_LIBRARY}")
  if(STRIDER_CUDA)
    # Nothing refers to these by symbol: they register the CUDA kernels when they are loaded. The libraries they need
    # in turn are looked for at run time only, so that a machine without a GPU can build this.
    list(APPEND libraries "-Wl,--allow-shlib-undefined"
      "-Wl,--no-as-needed,${LibTorch_CUDA_LIBRARY},${LibTorch_C10_CUDA_LIBRARY},--as-needed")
  endif()
  target_link_libraries(LibTorch::LibTorch INTERFACE ${libraries})
  # Searched last: the wheel brings headers of libraries that it does not bring (an fmt newer than Debian's).
  target_compile_options(LibTorch::LibTorch INTERFACE "SHELL:-idirafter ${LibTorch_INCLUDE_DIR}")
  set_property(TARGET LibTorch::LibTorch PROPERTY INTERFACE_LINK_OPTIONS "-Wl,-rpath,${LibTorch_ROOT}/lib")
endif()
