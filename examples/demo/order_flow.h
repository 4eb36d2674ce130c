// The order flow of a small shop: what five services record while orders pass through them.
//
// A plan, not a simulation: from the same options every process derives the same spans, byte for
// byte. So each service knows what to send and the judge knows what must have arrived, without
// their talking.
// Thread safety: pure functions.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace router::demo {

using ExportRequest = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using Span = opentelemetry::proto::trace::v1::Span;

enum class Role : std::uint8_t { kGateway, kOrders, kQueue, kWorker, kMail };
inline constexpr std::array kRoles = {Role::kGateway, Role::kOrders, Role::kQueue, Role::kWorker,
                                      Role::kMail};
std::string_view RoleName(Role role);
std::optional<Role> RoleFromName(std::string_view name);

// The library that recorded a span; every service uses two or three of them.
enum class Scope : std::uint8_t { kServer, kClient, kDatabase, kMessaging, kBusiness };
inline constexpr int kScopeCount = 5;

struct FlowOptions {
  std::uint64_t seed = 1;
  std::uint32_t orders = 2400;
  std::chrono::milliseconds arrivals{14'000};  // orders are spread over this time
  std::uint64_t epoch_unix_nano = 0;           // the wall-clock time of the flow's beginning
};

struct PlannedSpan {
  Role role;
  Scope scope;
  std::chrono::milliseconds ends_after;  // since the flow's beginning: when its service can send it
  Span span;
};

// All spans of order number `index`: one trace, and for some orders a second one, the scheduled job
// that is linked to the first. Order 0 … options.orders - 1.
std::vector<PlannedSpan> PlanOrder(const FlowOptions& options, std::uint32_t index);

// The request that carries `spans`, which one service recorded: its resource, a ScopeSpans per
// scope. Pointers only: a batch is picked out of a plan.
ExportRequest MakeRequest(Role role, const std::vector<const PlannedSpan*>& spans);

}  // namespace router::demo
