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

# drillroom_test(tst_name [LABEL fast|slow] [SHOP|CPU] [TEXTS] [PARTS part...] [LIBS lib...]): one Qt Test executable from tst_name.cpp.
# Fast and slow are ctest labels. With `ctest -j 8`:
# SHOP: a whole shop in real time, in folders and on ports of its own. Started first.
# CPU: its outcome does not depend on time. At the lowest priority there is, so it takes what the others leave idle.
# PARTS: run once for each, with DRILLROOM_TEST_PART in its environment, so that they may run beside each other.
# TEXTS: tables of plain text by the dozen, so literals may become QString in it.
# Others wait for times and sockets of their own. Of them and of SHOP two at a time, and two of CPU beside them.
function(drillroom_test name)
  cmake_parse_arguments(T "SHOP;CPU;TEXTS" "LABEL;TIMEOUT" "LIBS;PARTS" ${ARGN})
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
  set(command $<TARGET_FILE:${name}>)
  set(slots 3)
  if(T_CPU)
    list(PREPEND command ${CMAKE_SOURCE_DIR}/tests/support/idle.sh)
    set(slots 1)
  endif()
  set(entries ${name})
  if(T_PARTS)
    list(TRANSFORM T_PARTS PREPEND ${name}_ OUTPUT_VARIABLE entries)
  endif()
  set(environment "QT_QPA_PLATFORM=offscreen;LC_ALL=C.UTF-8;QTEST_FUNCTION_TIMEOUT=1200000")
  if(DRILLROOM_SANITIZE STREQUAL "thread")
    list(APPEND environment "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/tsan.supp")
  endif()
  foreach(entry IN LISTS entries)
    string(REGEX REPLACE "^${name}_?" "" part ${entry})
    add_test(NAME ${entry} COMMAND ${command})
    set_tests_properties(${entry} PROPERTIES LABELS ${T_LABEL} TIMEOUT ${T_TIMEOUT} PROCESSORS ${slots}
      ENVIRONMENT "${environment};DRILLROOM_TEST_PART=${part}")
    if(T_SHOP)
      set_tests_properties(${entry} PROPERTIES COST 1000)
    elseif(T_CPU)
      set_tests_properties(${entry} PROPERTIES COST 500)
    endif()
  endforeach()
endfunction()
