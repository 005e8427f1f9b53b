# layer(NAME SOURCES … USES … NEEDS …): one folder as a static library.
#
# USES are our own lower layers, NEEDS third parties. NEEDS are linked PRIVATE, so that their headers do not reach the folders above;
# tests/lint/check_layers checks the include lines, because some third-party headers sit on the default path.
function(layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;NEEDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE build_flags ${ARG_NEEDS} PUBLIC ${ARG_USES})
endfunction()
