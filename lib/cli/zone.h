#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace voip::cli {

// Sets the zone of --tz for the process; the only place that knows the C library's zones. zone: a name of the tz
// database
// ("Europe/Paris"), "UTC", or "local" for the machine's own.
Status use_zone(const std::string& zone);
// RFC 3339 with the zone's offset at that moment: 2026-01-02T04:04:05.000006+01:00.
std::string format_local(Timestamp moment);

}  // namespace voip::cli
