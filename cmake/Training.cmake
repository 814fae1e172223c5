# A release is built twice with g++: first with counters in it, which runs over generated and recorded calls
# (scripts/train.sh), then with what they counted. The compiler then knows which branches packets take and keeps their
# code together; that is worth a tenth of the time on signalling. What the programs say is the same.
#
# It is done once for a build folder. After a large change, remove its folder `profile` to do it again; functions that
# changed since are built as if it had not been there.

set(training ${PROJECT_BINARY_DIR}/training)
set(profile ${PROJECT_BINARY_DIR}/profile)
add_custom_command(OUTPUT ${profile}/done
  COMMAND ${CMAKE_COMMAND} -S ${PROJECT_SOURCE_DIR} -B ${training} -G ${CMAKE_GENERATOR}
    -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -DCMAKE_BUILD_TYPE=Release
    "-DCMAKE_CXX_FLAGS_RELEASE=${CMAKE_CXX_FLAGS_RELEASE}" -DVOIP_TESTS=OFF -DVOIP_BENCH=ON -DVOIP_COUNT_INTO=${profile}
  COMMAND ${CMAKE_COMMAND} --build ${training} --target srtp-check stir-verify fraud-scan timeline voipgen
  COMMAND ${PROJECT_SOURCE_DIR}/scripts/train.sh ${training}
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${training}
  COMMAND ${CMAKE_COMMAND} -E touch ${profile}/done
  COMMENT "Training: a build with counters, and its run over calls"
  USES_TERMINAL VERBATIM)
add_custom_target(training DEPENDS ${profile}/done)
add_dependencies(voip_flags training)
target_compile_options(voip_flags INTERFACE -fprofile-use=${profile} -fprofile-prefix-path=${PROJECT_BINARY_DIR}
  -fprofile-correction -Wno-missing-profile -Wno-coverage-mismatch)
