#pragma once

#include <memory>

#include "cli/tool.h"
#include "net/stack.h"
#include "report/coverage.h"
#include "session/observer.h"

namespace voip::cli {

// Pulls the whole source through the pipeline into the analyzer, and tells what was and was not seen. clock: corrects
// the times of HEP.
report::Coverage run_pipeline(const RunContext& context, session::Observer& analyzer, net::HepClock clock = {});

// Lives to the end of the process: the kernel takes all memory back at once, which is faster than giving back what was
// kept of a million calls piece by piece.
void keep_until_exit(std::shared_ptr<const void> object);

}  // namespace voip::cli
