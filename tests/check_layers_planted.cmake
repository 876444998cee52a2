# The layer check must fail on each planted include and name it.
#   cmake -DSOURCE=DIR -DWORK=DIR -P tests/check_layers_planted.cmake
cmake_minimum_required(VERSION 3.25)
set(SCRATCH ${WORK}/planted)
file(REMOVE_RECURSE ${SCRATCH})
file(MAKE_DIRECTORY ${SCRATCH}/tests)
foreach(folder engine ui app)
  file(COPY ${SOURCE}/${folder} DESTINATION ${SCRATCH})
endforeach()

# file to plant in | what to plant | what the complaint must say
set(plants
  "ui/pages/playback_page.cpp|engine/cluster/operations.h|Playback must not be able to act"
  "ui/widgets/minimap.h|engine/cluster/cluster.h|Playback must not be able to act"
  "ui/widgets/transport_bar.cpp|engine/drill/drill_runner.h|Playback must not be able to act"
  "engine/event/timeline.h|engine/cluster/cluster.h|Playback must not be able to act"
  "ui/widgets/lanes_view.cpp|ui/session/session.h|Playback must not be able to act"
  "ui/widgets/lanes_view.cpp|ui/widgets/fact_list.h|add it to console_playback"
  "engine/recording/timeline.cpp|engine/cluster/cluster.h|The recording must not be able to act"
  "ui/main_window.cpp|engine/agent/local_cluster.h|ui may know engine_core only"
  "ui/main_window.cpp|engine/recording/open.h|ui may know engine_core only"
  "ui/main_window.cpp|sqlite3.h|ui must not use this"
  "engine/base/clock.h|QtCore/qglobal.h|must not use this library"
  "engine/data/importer.cpp|engine/recording/open.h|engine/data must not know engine/recording"
  "engine/serving/traffic.cpp|torch/torch.h|engine/serving must not use this library"
  "engine/scoring/mf_scorer.cpp|grpcpp/grpcpp.h|engine/scoring must not use this library")
execute_process(COMMAND ${CMAKE_COMMAND} -DSOURCE=${SCRATCH} -P ${SOURCE}/tests/check_layers.cmake
                OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "The layers do not hold even without a planted include:\n${said}")
endif()
foreach(plant ${plants})
  string(REPLACE "|" ";" parts "${plant}")
  list(GET parts 0 file)
  list(GET parts 1 header)
  list(GET parts 2 complaint)
  file(READ ${SCRATCH}/${file} before)
  file(WRITE ${SCRATCH}/${file} "#include \"${header}\"\n")
  file(APPEND ${SCRATCH}/${file} "${before}")
  execute_process(COMMAND ${CMAKE_COMMAND} -DSOURCE=${SCRATCH} -P ${SOURCE}/tests/check_layers.cmake
                  OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE code)
  file(WRITE ${SCRATCH}/${file} "${before}")
  string(REGEX REPLACE "[ \n]+" " " said "${said}") # cmake wraps its messages
  string(FIND "${said}" "${complaint}" at)
  if(code EQUAL 0 OR at EQUAL -1)
    message(FATAL_ERROR "${header} planted in ${file} was not refused with \"${complaint}\":\n${said}")
  endif()
endforeach()
# Time outside engine/base is found by its call.
file(APPEND ${SCRATCH}/engine/fault/planted.cpp "auto t = std::chrono::steady_clock::now();\n")
execute_process(COMMAND ${CMAKE_COMMAND} -DSOURCE=${SCRATCH} -P ${SOURCE}/tests/check_layers.cmake
                OUTPUT_QUIET ERROR_QUIET RESULT_VARIABLE code)
if(code EQUAL 0)
  message(FATAL_ERROR "A clock of its own in engine/fault was not refused")
endif()
file(REMOVE_RECURSE ${SCRATCH})
list(LENGTH plants count)
message(STATUS "planted: ${count} of ${count} refused")
