// PlanReload: what of a configuration that was read again takes effect while the process runs.
//
// A few keys are bound to what is opened at the start (needs_restart in config_keys.h): for them
// the running value stays and the plan names them. Everything else is taken as a whole.
// Thread safety: pure, except that RereadConfigFile reads the file and the environment.
#pragma once

#include <string>
#include <vector>

#include "router/app/config_report.h"

namespace router {

struct ReloadPlan {
  Config config;                          // to run with from now on
  std::vector<std::string> restart_keys;  // changed in the file, in effect after a restart

  // The file says what is already so.
  bool is_unchanged = false;
};

ReloadPlan PlanReload(const Config& running, Config wanted);

// ReadConfigFile for a running process: only a regular file, since opening a pipe could block for
// ever.
ConfigReport RereadConfigFile(const std::string& path);

}  // namespace router
