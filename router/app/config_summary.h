// Summarize: a configuration in one line, for `spanring validate` and the first line of the log.
// Thread safety: pure. Header values never appear.
#pragma once

#include <string>
#include <string_view>

#include "router/app/config.h"

namespace router {

// What listens where, and where spans go.
std::string Summarize(const Config& config);

// As the file writes it: debug, info, warn or error.
std::string_view LogLevelName(Config::LogLevel level);

}  // namespace router
