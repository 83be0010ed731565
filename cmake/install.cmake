# Installs the program and the libraries, and exports them as the CMake package Cutaway:
#
#   find_package(Cutaway 0.1 CONFIG REQUIRED)
#   target_link_libraries(app PRIVATE cutaway::explain cutaway::weights)
#
# Headers land in include/cutaway and are included as in the tree: #include "layers/graph.h".
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(CUTAWAY_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/Cutaway")
set(public_folders runtime kernels layers)
if(CUTAWAY_PROGRAM)
  list(APPEND public_folders weights explain)
endif()

set(targets)
foreach(folder IN LISTS public_folders)
  list(APPEND targets cutaway_${folder})
endforeach()
if(CUTAWAY_PROGRAM)
  list(APPEND targets cutaway_pictures cutaway_report cutaway_runs cutaway_graph cutaway_training)
  # Only paths to OpenCV's libraries, which explain links.
  set_target_properties(cutaway_opencv PROPERTIES EXPORT_NAME opencv)
  list(APPEND targets cutaway_opencv)
  install(TARGETS cutaway RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
endif()
install(TARGETS ${targets} EXPORT CutawayTargets
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT library)

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
