# cutaway_folder(NAME LINKS left neighbours...): one library a folder, all sources below it, linked only to
# the folders it may include.
function(cutaway_folder name)
  cmake_parse_arguments(ARG "" "" "LINKS;PRIVATE_LINKS;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "*.cpp")
  if(CUTAWAY_HAVE_CUDA)
    file(GLOB_RECURSE cuda_sources CONFIGURE_DEPENDS "*.cu")
    list(APPEND sources ${cuda_sources})
  else()
    list(FILTER sources EXCLUDE REGEX "/cuda/")
  endif()
  if(NOT CUTAWAY_HAVE_ONEDNN)
    list(FILTER sources EXCLUDE REGEX "_onednn\\.cpp$")
  endif()
  foreach(pattern IN LISTS ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  add_library(cutaway_${name} STATIC ${sources})
  add_library(cutaway::${name} ALIAS cutaway_${name})
  set_target_properties(cutaway_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(cutaway_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:include/cutaway>)
  target_compile_features(cutaway_${name} PUBLIC cxx_std_20)
  foreach(link IN LISTS ARG_LINKS)
    target_link_libraries(cutaway_${name} PUBLIC cutaway_${link})
  endforeach()
  target_link_libraries(cutaway_${name} PRIVATE $<BUILD_INTERFACE:cutaway_flags> ${ARG_PRIVATE_LINKS})
  if(CUTAWAY_HAVE_CUDA)
    target_include_directories(cutaway_${name} SYSTEM PRIVATE
      ${CUDAToolkit_INCLUDE_DIRS} ${CUTAWAY_CUDNN_INCLUDE})
    # -fmad=false: the index-space kernels then agree with the CPU bit for bit.
    target_compile_options(cutaway_${name} PRIVATE
      "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Werror all-warnings -fmad=false -Xptxas -warn-spills -lineinfo -Xcompiler -Wall,-Wextra,-Wno-unused-parameter>")
  endif()
endfunction()
