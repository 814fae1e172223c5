#pragma once

#include "cli/tool.h"
#include "net/stack.h"
#include "report/coverage.h"
#include "session/observer.h"

namespace voip::cli {

// Pulls the whole source through the pipeline into the analyzer, and tells what was and was not seen. clock: corrects
// the times of HEP.
report::Coverage run_pipeline(const RunContext& context, session::Observer& analyzer, net::HepClock clock = {});

}  // namespace voip::cli
