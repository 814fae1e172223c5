#pragma once

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "capture/open.h"
#include "pipeline/pipeline.h"
#include "support/files.h"

namespace voip::test {

// Runs captures through the whole pipeline into an observer.
inline pipeline::Totals run(const std::vector<std::string>& paths, session::Observer& observer,
                            const pipeline::Options& options = {}) {
  auto source = capture::open_inputs(paths, {});
  REQUIRE(source.ok());
  return pipeline::run(**source, options, observer);
}

}  // namespace voip::test
