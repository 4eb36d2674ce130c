#include "router/forward/shard.h"

#include <utility>

#include "router/forward/export_call.h"

namespace router {

void Shard::OnAttemptDone(AttemptResult&& result) { call_.OnAttemptDone(*this, std::move(result)); }

void Shard::OnTimer() { call_.OnTimer(*this); }

}  // namespace router
