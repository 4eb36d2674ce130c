// The admin port: a status page for people, and what it shows as JSON.
//
//   /               the page: one self-contained file, router/admin/status_page.html
//   /debug/status   the process, the ledger, discovery's last attempts
//   /debug/ring     members of the ring and their shares
//   /debug/backends every backend that discovery knows, all workers added up
//   /debug/owner    ?trace_id=32 hex digits: who owns that trace now
//   /debug/config   the configuration in force, without secrets
// Thread safety: control thread only.
// Security: reads only; no secrets; a page of another site can neither be shown what is here (there
// is no CORS) nor get at it by a name of its own that points to this machine (MayAsk).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "router/admin/http_server.h"
#include "router/admin/telemetry.h"

namespace router {

// Is it one of our names? `host` is the header: localhost, IP addresses and `allowed` are.
bool MayAsk(std::string_view host, const std::vector<std::string>& allowed);
// The answer to those who may not.
HttpAnswer RefuseHost();

HttpAnswer AnswerStatus(const HttpQuestion& question, const Telemetry& telemetry, TimePoint now);

}  // namespace router
