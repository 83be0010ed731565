# Installs the program and the libraries, and exports them as the CMake package Cutaway:
#
#   find_package(Cutaway 0.1 CONFIG REQUIRED)
#   target_link_libraries(app PRIVATE cutaway::cutaway)        or a part of it: cutaway::layers, cutaway::explain
#
# With BUILD_SHARED_LIBS the package is one library, libcutaway.so, that contains all of them and what they are made of;
# the program and the suites stay linked to the static ones, for suites test what the shared one hides.
#
# Headers land in include/cutaway and are included as in the tree: #include "layers/graph.h".
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(CUTAWAY_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/Cutaway")
set(public_folders runtime kernels layers)
if(CUTAWAY_PROGRAM)
  list(APPEND public_folders weights explain)
endif()

set(CUTAWAY_PARTS ${public_folders})
if(CUTAWAY_PROGRAM)
  list(APPEND CUTAWAY_PARTS pictures report runs graph training)
  install(TARGETS cutaway RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
endif()
list(TRANSFORM CUTAWAY_PARTS PREPEND cutaway_ OUTPUT_VARIABLE parts)

# The parts as one library. Built when it is installed or tested only.
# CMake wants a source.
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/shared.cpp" CONTENT "// libcutaway.so is made of archives.\n" @ONLY)
add_library(cutaway_shared SHARED "${PROJECT_BINARY_DIR}/shared.cpp")
list(JOIN parts "," all)
set_target_properties(cutaway_shared PROPERTIES EXPORT_NAME cutaway OUTPUT_NAME cutaway LINKER_LANGUAGE CXX
  # Before 1.0 every minor version may change the interface.
  VERSION "${PROJECT_VERSION}" SOVERSION "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}"
  LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}"
  LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,${all}" LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/exports.map")
# These two link all others: named once, each archive is taken once.
if(CUTAWAY_PROGRAM)
  set(last cutaway_graph cutaway_training)
else()
  list(GET parts -1 last)
endif()
target_link_libraries(cutaway_shared PRIVATE ${last} $<BUILD_INTERFACE:cutaway_flags>)
target_link_options(cutaway_shared PRIVATE "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map"
  LINKER:--no-undefined)
target_compile_features(cutaway_shared INTERFACE cxx_std_20)
target_include_directories(cutaway_shared INTERFACE $<INSTALL_INTERFACE:include/cutaway>)

# CutawayConfig.cmake takes the shared library where its targets are installed.
if(BUILD_SHARED_LIBS)
  set(shared_component COMPONENT library)
else()
  set(shared_component COMPONENT shared EXCLUDE_FROM_ALL)
  if(NOT CUTAWAY_TESTS)
    set_target_properties(cutaway_shared PROPERTIES EXCLUDE_FROM_ALL TRUE)
  endif()
  set(targets ${parts})
  if(CUTAWAY_PROGRAM)
    # Only paths to OpenCV's libraries, which explain links.
    set_target_properties(cutaway_opencv PROPERTIES EXPORT_NAME opencv)
    list(APPEND targets cutaway_opencv)
  endif()
  install(TARGETS ${targets} EXPORT CutawayTargets
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT library)
  install(EXPORT CutawayTargets NAMESPACE cutaway:: DESTINATION "${CUTAWAY_PACKAGE_DIR}" COMPONENT library)
endif()
install(TARGETS cutaway_shared EXPORT CutawaySharedTargets
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" ${shared_component})
install(EXPORT CutawaySharedTargets NAMESPACE cutaway:: DESTINATION "${CUTAWAY_PACKAGE_DIR}" ${shared_component})

# Private headers stay behind: what is in cpu/ and cuda/ folders, and what shows a third-party library.
file(STRINGS "${PROJECT_SOURCE_DIR}/cmake/private_headers.txt" private_headers REGEX "^[^#]")
set(left_out REGEX "/(cpu|cuda)$" EXCLUDE)
foreach(header IN LISTS private_headers)
  string(REPLACE "." "\\." header "${header}")
  list(APPEND left_out REGEX "/${header}$" EXCLUDE)
endforeach()
foreach(folder IN LISTS public_folders)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${folder}/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/cutaway/${folder}"
          COMPONENT library FILES_MATCHING PATTERN "*.h" ${left_out})
endforeach()
install(FILES "${PROJECT_BINARY_DIR}/include/runtime/config.h"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/cutaway/runtime" COMPONENT library)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT library)

install(EXPORT CutawayTargets NAMESPACE cutaway:: DESTINATION "${CUTAWAY_PACKAGE_DIR}" COMPONENT library)
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/CutawayConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/CutawayConfig.cmake" INSTALL_DESTINATION "${CUTAWAY_PACKAGE_DIR}"
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 every minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/CutawayConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/CutawayConfig.cmake" "${PROJECT_BINARY_DIR}/CutawayConfigVersion.cmake"
        DESTINATION "${CUTAWAY_PACKAGE_DIR}" COMPONENT library)
