# A room is a folder of lib/ and a static library. Its sources are all .cpp files below its folder; its arrows are
# written in lib/CMakeLists.txt and nowhere else. The tests layers.* hold each #include against them.

set(VOIP_ROOMS "" CACHE INTERNAL "")

# add_room(NAME [USES room...] [LIBS target...]): a name like proto/sip stands for lib/proto/sip.
function(add_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBS" ${ARGN})
  string(REPLACE "/" "_" target "voip_${name}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
  target_link_libraries(${target} PRIVATE voip_flags)
  foreach(used IN LISTS ROOM_USES)
    string(REPLACE "/" "_" used_target "voip_${used}")
    target_link_libraries(${target} PUBLIC ${used_target})
  endforeach()
  target_link_libraries(${target} PUBLIC ${ROOM_LIBS})
  set(VOIP_ROOMS "${VOIP_ROOMS};${name}" CACHE INTERNAL "")
  set(VOIP_ROOM_USES_${target} "${ROOM_USES}" CACHE INTERNAL "")
endfunction()
