# Flags that every target of ours shares; third-party headers come in as SYSTEM and stay out of them.
find_program(DRILLROOM_CCACHE ccache)
if(DRILLROOM_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DRILLROOM_CCACHE})
endif()

# -ffp-contract=off: recorded states and the synthetic shop must come out the same on machines with and without FMA.
function(drillroom_target name)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wconversion -Wshadow -ffp-contract=off)
  if(DRILLROOM_WERROR)
    target_compile_options(${name} PRIVATE -Werror)
  endif()
  if(DRILLROOM_SANITIZE)
    target_compile_options(${name} PUBLIC -fsanitize=${DRILLROOM_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${name} PUBLIC -fsanitize=${DRILLROOM_SANITIZE})
  endif()
  target_compile_definitions(${name} PRIVATE DRILLROOM_VERSION="${PROJECT_VERSION}")
endfunction()

# Parsed once per target instead of once per file: headers of others that many files include.
set(DRILLROOM_COMMON_HEADERS <algorithm> <filesystem> <functional> <map> <memory> <optional> <string> <vector>
  <fmt/format.h> <nlohmann/json.hpp> <spdlog/spdlog.h>)

# What tests and the headers parsed for them must have alike.
function(drillroom_test_flags name)
  target_compile_definitions(${name} PRIVATE QT_NO_KEYWORDS QT_NO_CAST_FROM_ASCII
    DRILLROOM_SOURCE_DIR="${CMAKE_SOURCE_DIR}" DRILLROOM_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  # Qt Test's own, others in each folder, and used by QFINDTESTDATA alone.
  target_compile_options(${name} PRIVATE -UQT_TESTCASE_BUILDDIR -UQT_TESTCASE_SOURCEDIR)
endfunction()

# drillroom_test(tst_name [LABEL fast|slow] [SERIAL|CPU] [TEXTS] [LIBS lib...]): one Qt Test executable from tst_name.cpp.
# Fast and slow are ctest labels. With `ctest -j 4`:
# SERIAL: a whole shop in real time. One at a time; beside it only CPU tests, which wait for cores that it leaves idle.
# CPU: its outcome does not depend on time. Up to four at a time, at the lowest priority there is.
# TEXTS: tables of plain text by the dozen, so literals may become QString in it.
# Others wait for times and sockets of their own: two at a time.
function(drillroom_test name)
  cmake_parse_arguments(T "SERIAL;CPU;TEXTS" "LABEL;TIMEOUT" "LIBS" ${ARGN})
  if(NOT T_LABEL)
    set(T_LABEL fast)
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
    if(T_CPU)
      set(T_TIMEOUT 900)
    endif()
  endif()
  add_executable(${name} ${name}.cpp)
  set_target_properties(${name} PROPERTIES AUTOMOC ON RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  drillroom_target(${name})
  target_link_libraries(${name} PRIVATE ${T_LIBS} Qt6::Test)
  drillroom_test_flags(${name})
  if(T_TEXTS)
    target_compile_options(${name} PRIVATE -UQT_NO_CAST_FROM_ASCII)
  elseif(T_LIBS MATCHES "console_")
    # Qt's other parts define more: the parsed headers would not fit.
  elseif("engine_net" IN_LIST T_LIBS)
    target_precompile_headers(${name} REUSE_FROM test_net_headers)
  else()
    target_precompile_headers(${name} REUSE_FROM test_headers)
  endif()
  # Nothing is in it: each test includes its own.
  set_source_files_properties(${CMAKE_CURRENT_BINARY_DIR}/${name}_autogen/mocs_compilation.cpp
    PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  if(T_CPU)
    add_test(NAME ${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/support/idle.sh $<TARGET_FILE:${name}>)
    set_tests_properties(${name} PROPERTIES COST 500)
  else()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES PROCESSORS 2)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS ${T_LABEL} TIMEOUT ${T_TIMEOUT}
    ENVIRONMENT "QT_QPA_PLATFORM=offscreen;LC_ALL=C.UTF-8;QTEST_FUNCTION_TIMEOUT=1200000")
  if(T_SERIAL)
    set_tests_properties(${name} PROPERTIES PROCESSORS 3 COST 1000 RESOURCE_LOCK shop)
  endif()
endfunction()
