# The Debian package: cpack -G DEB, or scripts/package.sh. With SOURCE_DATE_EPOCH set the same build gives the same bytes.

# cpack takes what is built and builds nothing by itself.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY TRUE)

set(doc_dir ${CMAKE_INSTALL_DATADIR}/doc/${PROJECT_NAME})
find_program(GZIP_PROGRAM gzip)
if(GZIP_PROGRAM)
  set(changelog ${PROJECT_BINARY_DIR}/package/changelog.gz)
  add_custom_command(OUTPUT ${changelog} DEPENDS ${PROJECT_SOURCE_DIR}/CHANGELOG.md VERBATIM
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/package
    COMMAND sh -c "\"$1\" -9n < \"$2\" > \"$3\"" sh ${GZIP_PROGRAM} ${PROJECT_SOURCE_DIR}/CHANGELOG.md ${changelog})
  add_custom_target(package_papers ALL DEPENDS ${changelog})
  install(FILES ${changelog} DESTINATION ${doc_dir})
endif()
install(FILES ${PROJECT_SOURCE_DIR}/cmake/copyright DESTINATION ${doc_dir})
install(FILES ${PROJECT_SOURCE_DIR}/doc/policy.example.toml ${PROJECT_SOURCE_DIR}/doc/report.schema.json
  DESTINATION ${doc_dir}/examples)
install(PROGRAMS ${PROJECT_SOURCE_DIR}/doc/nightly.sh DESTINATION ${doc_dir}/examples)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ${PROJECT_NAME})
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "voip-audit maintainers <maintainers@voip-audit.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "offline forensics of VoIP captures")
set(CPACK_PACKAGE_DESCRIPTION "Command line tools that read captures of SIP and RTP, each to answer one question: is the
media really encrypted, which calls carry a valid signed identity, who attacks and at what cost, what happened in order.
They read files and standard input, and never the network.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "tzdata")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "tshark")
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/PackageModes.cmake)
include(CPack)
