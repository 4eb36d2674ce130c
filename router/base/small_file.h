// ReadSmallFile: all of a small regular file, for the control plane.
// Thread safety: any thread; may wait for the disk, never for a writer (a pipe is refused).
#pragma once

#include <string>

#include "router/base/result.h"

namespace router {

// At most 1 MiB. The error says why, without the path.
Result<std::string> ReadSmallFile(const std::string& path);

}  // namespace router
