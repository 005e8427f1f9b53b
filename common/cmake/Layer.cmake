# layer(NAME SOURCES … USES … NEEDS …): one folder as a static library.
#
# USES are our own lower layers, NEEDS third parties. NEEDS are linked PRIVATE, so that their headers do not reach the folders above;
# tests/lint/check_layers checks the include lines, because some third-party headers sit on the default path.
function(layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;NEEDS" ${ARGN})
  set(present)
  foreach(source IN LISTS ARG_SOURCES)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${source})
      list(APPEND present ${source})
    else()
      message(STATUS "not yet: ${source}")
    endif()
  endforeach()
  if(NOT present)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.c "extern int ${name}_empty;\n")
    set(present ${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.c)
  endif()
  add_library(${name} STATIC ${present})
  target_link_libraries(${name} PRIVATE build_flags ${ARG_NEEDS} PUBLIC ${ARG_USES})
endfunction()
