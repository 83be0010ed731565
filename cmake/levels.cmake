# cutaway_per_level(TARGET sources...): compiles the sources once for every level of the CPU's instruction set
# (runtime/cpu_features.h) and adds the results to TARGET, one object a level. Of an object only those symbols are
# seen from outside whose parameters name its level (kernels/cpu/level.h). All others are its own: else the linker
# would keep one copy of std::vector<float>'s functions for the whole program, and might keep that of AVX-512.
function(cutaway_per_level target)
  if(CUTAWAY_CPU_LEVELS EQUAL 1)
    target_sources(${target} PRIVATE ${ARGN})
    return()
  endif()
  cutaway_unity(sources ${target}_level ${ARGN})
  set(number 0)
  foreach(level IN ITEMS Baseline Avx2 Avx512)
    set(name ${target}_${level})
    add_library(${name} OBJECT ${sources})
    foreach(property IN ITEMS INCLUDE_DIRECTORIES COMPILE_OPTIONS COMPILE_DEFINITIONS COMPILE_FEATURES)
      set_property(TARGET ${name} PROPERTY ${property} "$<TARGET_PROPERTY:${target},${property}>")
    endforeach()
    target_compile_definitions(${name} PRIVATE CUTAWAY_CPU_LEVEL=k${level})
    # Unique symbols of GNU stay unique to the program whatever is done to them; weak ones can be made local.
    target_compile_options(${name} PRIVATE ${CUTAWAY_FLAGS_${level}}
      $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
    set(object "${CMAKE_CURRENT_BINARY_DIR}/${name}.o")
    add_custom_command(OUTPUT "${object}"
      COMMAND "${CMAKE_COMMAND}" -D "LINKER=${CMAKE_LINKER}" -D "NM=${CMAKE_NM}" -D "OBJCOPY=${CMAKE_OBJCOPY}"
        -D "LEVEL=${number}" -D "OUT=${object}" -P "${PROJECT_SOURCE_DIR}/cmake/level_object.cmake"
        -- "$<TARGET_OBJECTS:${name}>"
      DEPENDS "$<TARGET_OBJECTS:${name}>" "${PROJECT_SOURCE_DIR}/cmake/level_object.cmake"
      COMMENT "Closing ${name}" COMMAND_EXPAND_LISTS VERBATIM)
    set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
    target_sources(${target} PRIVATE "${object}")
    math(EXPR number "${number} + 1")
  endforeach()
endfunction()
