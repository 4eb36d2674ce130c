#include "router/app/config_reload.h"

#include <filesystem>
#include <utility>

#include "router/app/config_reader.h"

namespace router {
namespace {

// Keeps the running value in `wanted` and names the key, if they differ.
template <typename T>
void Hold(const T& running, T& wanted, std::string key, std::vector<std::string>& restart_keys) {
  if (running == wanted) return;
  wanted = running;
  restart_keys.push_back(std::move(key));
}

}  // namespace

ReloadPlan PlanReload(const Config& running, Config wanted) {
  ReloadPlan plan;
  std::vector<std::string>& keys = plan.restart_keys;
  const std::string protocols = "receivers." + Shown(wanted.receiver.id) + ".protocols";
  // What listens goes on listening as it did: with its credentials and its TLS.
  if (running.receiver.has_grpc != wanted.receiver.has_grpc) {
    Config::Receiver receiver = running.receiver;
    receiver.id = wanted.receiver.id;
    receiver.http = std::move(wanted.receiver.http);
    wanted.receiver = std::move(receiver);
    keys.push_back(protocols + ".grpc");
  }
  if (running.receiver.http.is_enabled != wanted.receiver.http.is_enabled) {
    wanted.receiver.http = running.receiver.http;
    keys.push_back(protocols + ".http");
  }
  Hold(running.receiver.endpoint, wanted.receiver.endpoint, protocols + ".grpc.endpoint", keys);
  Hold(running.receiver.http.endpoint, wanted.receiver.http.endpoint, protocols + ".http.endpoint",
       keys);
  if (running.health.is_enabled != wanted.health.is_enabled) {
    wanted.health = running.health;
    keys.push_back("service.extensions");
  }
  Hold(running.health.endpoint, wanted.health.endpoint, "extensions.health_check.endpoint", keys);
  Hold(running.metrics.is_enabled, wanted.metrics.is_enabled, "service.telemetry.metrics", keys);
  Hold(running.metrics.endpoint, wanted.metrics.endpoint,
       "service.telemetry.metrics.readers[].pull.exporter.prometheus", keys);
  Hold(running.admin.is_enabled, wanted.admin.is_enabled, "spanring.admin.enabled", keys);
  Hold(running.admin.endpoint, wanted.admin.endpoint, "spanring.admin.endpoint", keys);
  Hold(running.workers, wanted.workers, "spanring.workers", keys);
  plan.is_unchanged = keys.empty() && wanted == running;
  plan.config = std::move(wanted);
  return plan;
}

ConfigReport RereadConfigFile(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    FaultLog log(path);
    log.Refuse(0, "", "is not a regular file: it is read only at the start");
    return {std::nullopt, log.faults(), {}};
  }
  return ReadConfigFile(path);
}

}  // namespace router
