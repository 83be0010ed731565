# cutaway_embed(TARGET FILE...): lets the sources of a target include FILE.h for a style sheet or script FILE that lies
# beside them. The header holds its text as cutaway::embedded::NAME, a std::string_view; NAME is the file's path with
# "_" for what no identifier holds, such as explain_report_page_css. Written when CMake configures, again after a change.
function(cutaway_embed target)
  set(include "${PROJECT_BINARY_DIR}/embedded")
  foreach(file IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    file(READ "${file}" content)
    file(RELATIVE_PATH path "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    string(MAKE_C_IDENTIFIER "${path}" name)
    configure_file("${PROJECT_SOURCE_DIR}/cmake/embedded.h.in" "${include}/${path}.h" @ONLY)
  endforeach()
  target_include_directories(${target} PRIVATE "${include}")
endfunction()
