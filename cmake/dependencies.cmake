find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)

# --- CUDA -----------------------------------------------------------------------------------------
set(CUTAWAY_HAVE_CUDA 0)
if(NOT CUTAWAY_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 90)
    endif()
    enable_language(CUDA)
    # CMake 3.25 does not know nvcc's C++20 flag.
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
      list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    find_package(CUDAToolkit REQUIRED)
    # Without CMake's help: cuDNN ships none, and in Python's wheels the library carries a version suffix.
    find_path(CUTAWAY_CUDNN_INCLUDE cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ENV CUDNN_ROOT
              PATH_SUFFIXES include)
    find_library(CUTAWAY_CUDNN_LIBRARY NAMES cudnn libcudnn.so.9
                 HINTS ${CUDAToolkit_LIBRARY_DIR} ENV CUDNN_ROOT PATH_SUFFIXES lib lib64)
    if(CUTAWAY_CUDNN_INCLUDE AND CUTAWAY_CUDNN_LIBRARY)
      set(CUTAWAY_HAVE_CUDA 1)
    elseif(CUTAWAY_CUDA STREQUAL "ON")
      message(FATAL_ERROR "CUTAWAY_CUDA=ON, but cuDNN 9 was not found (set CUDNN_ROOT)")
    endif()
  elseif(CUTAWAY_CUDA STREQUAL "ON")
    message(FATAL_ERROR "CUTAWAY_CUDA=ON, but no CUDA compiler was found")
  endif()
endif()

# --- CPU engines ----------------------------------------------------------------------------------
# Debian's dnnl-config.cmake asks for OpenCL, so look for the files.
set(CUTAWAY_HAVE_ONEDNN 0)
if(CUTAWAY_ONEDNN)
  find_path(CUTAWAY_DNNL_INCLUDE dnnl.hpp)
  find_library(CUTAWAY_DNNL_LIBRARY dnnl)
  if(CUTAWAY_DNNL_INCLUDE AND CUTAWAY_DNNL_LIBRARY)
    set(CUTAWAY_HAVE_ONEDNN 1)
  else()
    message(WARNING "oneDNN not found: 1x1, strided and large convolutions will be slow")
  endif()
endif()

# --- files and pictures ---------------------------------------------------------------------------
if(CUTAWAY_PROGRAM)
  set(HDF5_PREFER_PARALLEL OFF)
  find_package(HDF5 1.10.5 REQUIRED COMPONENTS C)
  find_package(JPEG REQUIRED)
  find_package(PNG REQUIRED)
  find_package(TIFF 4.5 REQUIRED)
  # Debian's package has no CMake files.
  find_path(CUTAWAY_WEBP_INCLUDE webp/decode.h REQUIRED)
  find_library(CUTAWAY_WEBP_LIBRARY webp REQUIRED)
  find_package(ZLIB REQUIRED)
  # Its CRC-32 is as fast as memory, ten times zlib's; its CMake files are in newer versions only.
  find_path(CUTAWAY_DEFLATE_INCLUDE libdeflate.h REQUIRED)
  find_library(CUTAWAY_DEFLATE_LIBRARY deflate REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(CLI11 REQUIRED)
  find_path(CUTAWAY_LINEAR_INCLUDE linear.h REQUIRED)
  find_library(CUTAWAY_LINEAR_LIBRARY linear REQUIRED)
  find_path(CUTAWAY_EIGEN_INCLUDE Eigen/Core PATH_SUFFIXES eigen3 REQUIRED)
  # OpenCV's own config needs the whole of OpenCV; core and imgproc are enough.
  find_path(CUTAWAY_OPENCV_INCLUDE opencv2/imgproc.hpp PATH_SUFFIXES opencv4 REQUIRED)
  find_library(CUTAWAY_OPENCV_CORE opencv_core REQUIRED)
  find_library(CUTAWAY_OPENCV_IMGPROC opencv_imgproc REQUIRED)
  add_library(cutaway_opencv INTERFACE)
  target_include_directories(cutaway_opencv SYSTEM INTERFACE "${CUTAWAY_OPENCV_INCLUDE}")
  target_link_libraries(cutaway_opencv INTERFACE "${CUTAWAY_OPENCV_IMGPROC}" "${CUTAWAY_OPENCV_CORE}")
endif()

configure_file("${PROJECT_SOURCE_DIR}/runtime/config.h.in" "${PROJECT_BINARY_DIR}/include/runtime/config.h"
               @ONLY)
message(STATUS "Cutaway: CUDA ${CUTAWAY_HAVE_CUDA}, oneDNN ${CUTAWAY_HAVE_ONEDNN}")
