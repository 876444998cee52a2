# The playback library as linked: no symbol of it, defined or asked for, belongs to a type that commands.
#   cmake -DARCHIVE=libconsole_playback.a -DPROOF=libconsole_ui.a -P tests/check_playback_link.cmake
# PROOF is an archive that does command: the same search must find something there.
find_program(NM nm REQUIRED)
set(commands "engine::(Cluster|LocalCluster|Operations|DrillRunner|FaultSpec|Switches)(::|[^A-Za-z])")
foreach(archive ARCHIVE PROOF)
  execute_process(COMMAND ${NM} -C ${${archive}} OUTPUT_VARIABLE symbols ERROR_QUIET RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "Cannot read ${${archive}}")
  endif()
  string(REGEX MATCHALL "[^\n]*${commands}[^\n]*" found_${archive} "${symbols}")
endforeach()
if(found_ARCHIVE)
  message(FATAL_ERROR "Playback is linked with what can act:\n${found_ARCHIVE}")
endif()
if(NOT found_PROOF)
  message(FATAL_ERROR "The search finds nothing in ${PROOF} either: it cannot see what it looks for")
endif()
message(STATUS "playback links no command type")
