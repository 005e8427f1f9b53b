# embed_files(TARGET PREFIX FILE…): makes each file a NUL-terminated constant of TARGET.
#
# schemas/sql/tail_marks.sql with PREFIX sql becomes `const char sql_tail_marks[]`, declared in the generated
# header "embedded/PREFIX.h"; generated files live in the build tree and are never committed.
function(embed_files target prefix)
  set(dir ${CMAKE_CURRENT_BINARY_DIR}/embedded_include/embedded)
  set(header ${dir}/${prefix}.h)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded_${prefix}.c)
  add_custom_command(
    OUTPUT ${source} ${header}
    COMMAND ${CMAKE_COMMAND} -DPREFIX=${prefix} -DHEADER=${header} -DSOURCE=${source}
            "-DFILES=${ARGN}" -P ${PROJECT_SOURCE_DIR}/common/cmake/EmbedFiles.cmake
    DEPENDS ${ARGN} ${PROJECT_SOURCE_DIR}/common/cmake/EmbedFiles.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${source} ${header})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/embedded_include)
endfunction()
