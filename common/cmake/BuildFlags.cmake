include(CheckCCompilerFlag)
add_library(build_flags INTERFACE)
target_compile_definitions(build_flags INTERFACE _POSIX_C_SOURCE=200809L
  $<$<BOOL:${STOCKSYNC_FAULTS}>:STOCKSYNC_FAULTS>)
target_include_directories(build_flags INTERFACE ${PROJECT_SOURCE_DIR})

function(flags_if_supported)          # probe, add, or say what was dropped
  set(CMAKE_REQUIRED_FLAGS "-Werror")
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "HAVE_${flag}" var)
    check_c_compiler_flag("${flag}" ${var})
    if(${var})
      target_compile_options(build_flags INTERFACE "${flag}")
    else()
      message(STATUS "dropped: ${flag}")
    endif()
  endforeach()
endfunction()

target_compile_options(build_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wformat=2 -Wconversion
  -Wsign-conversion -Wimplicit-fallthrough -Wundef -Wvla -Walloca -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wcast-qual -Wpointer-arith -Wwrite-strings -Wswitch-enum -Wdouble-promotion
  -Werror=format-security -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion
  -Werror=return-type $<$<BOOL:${STOCKSYNC_WERROR}>:-Werror>)
flags_if_supported(-Wformat-signedness -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wtrampolines
  -Wbidi-chars=any -Wcast-align=strict -Wstringop-overflow=4 -Wnull-dereference -Wcomma
  -Wunreachable-code -Wconditional-uninitialized)

if(STOCKSYNC_SANITIZE)
  target_compile_options(build_flags INTERFACE -fsanitize=${STOCKSYNC_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -U_FORTIFY_SOURCE $<$<BOOL:${STOCKSYNC_FUZZ}>:-fsanitize=fuzzer-no-link>)
  target_link_options(build_flags INTERFACE -fsanitize=${STOCKSYNC_SANITIZE})
else()
  flags_if_supported(-fstack-protector-strong -fstack-clash-protection)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" AND NOT STOCKSYNC_SANITIZE)
  target_compile_options(build_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
    -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing)
  flags_if_supported(-fcf-protection=full -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3
    -fzero-init-padding-bits=all -fexceptions)    # aarch64: -mbranch-protection=standard
  target_link_options(build_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
    -Wl,--as-needed -Wl,--no-copy-dt-needed-entries)
endif()

if(STOCKSYNC_COVERAGE)
  target_compile_options(build_flags INTERFACE --coverage)
  target_link_options(build_flags INTERFACE --coverage)
endif()
