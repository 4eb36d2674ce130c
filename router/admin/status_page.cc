#include "router/admin/status_page.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <iterator>
#include <optional>

#include "router/admin/backend_sum.h"
#include "router/admin/process_usage.h"
#include "router/admin/status_page_text.h"
#include "router/base/json_text.h"
#include "router/base/log.h"
#include "router/otlp/base64.h"

namespace router {
namespace {

using std::chrono::duration;

std::uint64_t UnixMs(std::chrono::system_clock::time_point time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

std::string Fingerprint(const Ring& ring) { return fmt::format("{:016x}", ring.fingerprint()); }

// What every answer of the port carries.
HttpAnswer Protected(HttpAnswer answer) {
  answer.headers.insert(answer.headers.end(), {{"cache-control", "no-store"},
                                               {"x-content-type-options", "nosniff"},
                                               {"x-frame-options", "DENY"},
                                               {"referrer-policy", "no-referrer"},
                                               {"cross-origin-resource-policy", "same-origin"}});
  return answer;
}

HttpAnswer Json(std::string text, unsigned status = 200) {
  return {.status = status, .content_type = "application/json", .body = std::move(text) + "\n"};
}

HttpAnswer Fault(unsigned status, std::string_view what) {
  JsonText json;
  json.BeginObject();
  json.Field("error", what);
  json.EndObject();
  return Json(json.Take(), status);
}

// The policy names the page's own script and style by their digests: no others run.
std::string PolicyFor(std::string_view page) {
  const auto digest_of = [&](std::string_view begin, std::string_view end) {
    const std::size_t from = page.find(begin) + begin.size();
    const std::string_view text = page.substr(from, page.find(end, from) - from);
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
               EVP_sha256(), nullptr);
    digest.resize(size);
    return "'sha256-" + EncodeBase64(digest) + "='";
  };
  return "default-src 'none'; script-src " + digest_of("<script>", "</script>") + "; style-src " +
         digest_of("<style>", "</style>") +
         "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'";
}

HttpAnswer Page() {
  static const std::string policy = PolicyFor(kStatusPage);
  return {.content_type = "text/html; charset=utf-8",
          .body = std::string(kStatusPage),
          .headers = {{"content-security-policy", policy}}};
}

// ---- JSON --------------------------------------------------------------------------------------

void AddColumn(JsonText& json, const char* name, const Telemetry& telemetry,
               LedgerColumn Ledger::*column) {
  const auto sum = [&](auto read) {
    std::uint64_t total = 0;
    for (const auto& worker : telemetry.workers) total += read(worker.ledger->*column);
    return total;
  };
  json.BeginObject(name);
  json.Field("received", sum([](const LedgerColumn& c) { return c.received.Value(); }));
  json.Field("forwarded", sum([](const LedgerColumn& c) { return c.forwarded.Value(); }));
  json.Field("suppressed", sum([](const LedgerColumn& c) { return c.suppressed.Value(); }));
  json.Field("cancelled", sum([](const LedgerColumn& c) { return c.cancelled.Value(); }));
  json.Field("in_flight", sum([](const LedgerColumn& c) { return c.in_flight.Value(); }));
  json.BeginObject("rejected");
  for (std::size_t i = 0; i < kRejectReasonCount; ++i) {
    const auto count = sum([i](const LedgerColumn& c) { return c.rejected[i].Value(); });
    if (count > 0) json.Field(RejectLabel(i), count);
  }
  json.EndObject();
  json.BeginObject("refused");
  for (std::size_t i = 0; i < kRefuseReasonCount; ++i) {
    const auto count = sum([i](const LedgerColumn& c) { return c.refused[i].Value(); });
    if (count > 0) json.Field(kRefuseReasonNames[i], count);
  }
  json.EndObject();
  json.EndObject();
}

void AddResolver(JsonText& json, const ResolverStats& resolver, TimePoint now) {
  json.BeginObject("resolver");
  json.Field("type", resolver.type);
  json.Field("updates", resolver.updates);
  if (resolver.last_success != TimePoint{}) {
    json.Field("list_age_seconds", duration<double>(now - resolver.last_success).count());
  }
  json.BeginArray("attempts");
  for (const ResolverStats::Attempt& attempt : resolver.recent) {
    json.BeginObject();
    json.Field("unix_ms", UnixMs(attempt.at));
    json.Field("hostname", Printable(attempt.hostname));
    json.Field("outcome", attempt.outcome);
    json.Field("records", attempt.records);
    json.Field("ttl_seconds", attempt.ttl);
    json.Field("took_ms", attempt.elapsed.count());
    json.Field("used_tcp", attempt.used_tcp);
    json.Field("detail", Printable(attempt.detail));
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

std::string StatusJson(const Telemetry& telemetry, TimePoint now) {
  const auto sum = [&](Counter Ledger::*counter) {
    std::uint64_t total = 0;
    for (const auto& worker : telemetry.workers) total += (worker.ledger->*counter).Value();
    return total;
  };
  std::size_t connections = 0;
  for (const auto& worker : telemetry.workers) connections += worker.connections();
  const ProcessUsage usage = ReadProcessUsage();
  const Ring& ring = telemetry.table->ring;
  JsonText json;
  json.BeginObject();
  json.Field("version", telemetry.version);
  json.Field("instance", telemetry.instance);
  json.Field("state", telemetry.is_draining ? "draining"
                      : telemetry.is_ready  ? "ready"
                                            : "no backend yet");
  json.Field("uptime_seconds", duration<double>(now - telemetry.started).count());
  json.Field("workers", telemetry.workers.size());
  json.Field("client_connections", connections);
  json.Field("cpu_seconds", usage.cpu_seconds);
  json.Field("resident_bytes", usage.resident_bytes);
  json.Field("memory_used_bytes", telemetry.budget->used());
  json.Field("memory_limit_bytes", telemetry.budget->limit());
  json.Field("received_bytes", sum(&Ledger::received_bytes));
  json.Field("http_requests", sum(&Ledger::http_requests));
  json.Field("shards", sum(&Ledger::shards));
  json.Field("failover_spans", sum(&Ledger::failover_spans));
  json.Field("rerouted_spans", sum(&Ledger::rerouted_spans));
  json.Field("invalid_trace_ids", sum(&Ledger::invalid_trace_ids));
  AddColumn(json, "requests", telemetry, &Ledger::requests);
  AddColumn(json, "spans", telemetry, &Ledger::spans);
  json.BeginObject("ring");
  json.Field("fingerprint", Fingerprint(ring));
  json.Field("generation", telemetry.table->generation);
  json.Field("members", ring.size());
  json.EndObject();
  AddResolver(json, telemetry.resolver, now);
  json.EndObject();
  return json.Take();
}

std::string RingJson(const RoutingTable& table) {
  const std::vector<double> shares = table.ring.Shares();
  JsonText json;
  json.BeginObject();
  json.Field("algorithm", RingAlgorithmName(table.options.algorithm));
  json.Field("generation", table.generation);
  json.Field("fingerprint", Fingerprint(table.ring));
  json.Field("members_down",
             table.fallback.empty() ? 0 : table.ring.size() - table.fallback.size());
  json.BeginArray("members");
  for (std::size_t i = 0; i < shares.size(); ++i) {
    json.BeginObject();
    json.Field("endpoint", table.owner_names[i]);
    json.Field("ring_name", table.ring.members()[i].endpoint);
    json.Field("share", shares[i]);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

void AddBackend(JsonText& json, const BackendSum& sum) {
  std::uint64_t answered = 0;
  for (const std::uint64_t count : sum.latency) answered += count;
  json.BeginObject("workers");
  for (std::size_t i = 0; i < kBackendStateCount; ++i) {
    if (sum.states[i] > 0) json.Field(kBackendStateNames[i], sum.states[i]);
  }
  json.EndObject();
  json.Field("in_flight", sum.in_flight);
  json.Field("waiting", sum.waiting);
  json.Field("spans", sum.spans);
  json.Field("sent_bytes", sum.bytes);
  json.Field("connects", sum.connects);
  json.Field("connect_failures", sum.failures);
  json.Field("retries", sum.retries);
  json.Field("answered", answered);
  json.Field("latency_sum_ms", static_cast<double>(sum.latency_sum_us) / 1000);
  json.BeginObject("attempts");
  for (std::size_t i = 0; i < kAttemptOutcomeCount; ++i) {
    json.Field(kAttemptOutcomeNames[i], sum.attempts[i]);
  }
  json.EndObject();
}

// Those that discovery knows, and those that still finish what they have.
std::string BackendsJson(const Telemetry& telemetry) {
  const RoutingTable& table = *telemetry.table;
  BackendSums sums = SumBackends(telemetry);
  for (const BackendEndpoint& known : table.known) sums.try_emplace(known.name);
  const std::vector<double> shares = table.ring.Shares();
  JsonText json;
  json.BeginObject();
  json.Field("workers", telemetry.workers.size());
  json.BeginArray("backends");
  for (const auto& [name, sum] : sums) {
    const auto owner = std::find(table.owner_names.begin(), table.owner_names.end(), name);
    json.BeginObject();
    json.Field("endpoint", name);
    json.Field("on_ring", owner != table.owner_names.end());
    json.Field("share", owner == table.owner_names.end()
                            ? 0.0
                            : shares[static_cast<std::size_t>(owner - table.owner_names.begin())]);
    AddBackend(json, sum);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

std::string ConfigJson(const Telemetry& telemetry) {
  JsonText json;
  json.BeginObject();
  json.Field("loaded_unix_ms", UnixMs(telemetry.reloads.last_success));
  json.Field("last_reload_successful", telemetry.reloads.is_last_good);
  json.BeginArray("waiting_for_restart");
  for (const std::string& key : telemetry.restart_keys) json.Item(key);
  json.EndArray();
  json.Field("yaml", telemetry.config_in_force);
  json.EndObject();
  return json.Take();
}

std::optional<std::vector<std::uint8_t>> TraceId(std::string_view query) {
  constexpr std::string_view kName = "trace_id=";
  constexpr std::size_t kHexDigits = 32;
  const std::size_t at = query.starts_with(kName) ? 0 : query.find("&trace_id=");
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view text = query.substr(at + (at == 0 ? 0 : 1) + kName.size());
  text = text.substr(0, text.find('&'));
  if (text.size() != kHexDigits) return std::nullopt;
  const auto value = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = value(text[i]);
    const int low = value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

HttpAnswer Owner(std::string_view query, const RoutingTable& table) {
  const auto trace_id = TraceId(query);
  if (!trace_id) return Fault(400, "trace_id: 32 hex digits are needed");
  if (table.ring.empty()) return Fault(503, "no backend is on the ring yet");
  JsonText json;
  json.BeginObject();
  const std::string& owner = table.owner_names[table.ring.OwnerOf(*trace_id)];
  json.Field("owner", owner);
  if (!table.fallback.empty()) {
    const auto fallback = table.fallback_owners[table.fallback.OwnerOf(*trace_id)];
    if (table.owner_names[fallback] != owner) json.Field("successor", table.owner_names[fallback]);
  }
  json.Field("fingerprint", Fingerprint(table.ring));
  json.EndObject();
  return Json(json.Take());
}

}  // namespace

bool MayAsk(std::string_view host, const std::vector<std::string>& allowed) {
  std::string name(host);
  if (name.starts_with('[')) {
    name = name.substr(1, name.find(']') - 1);
  } else {
    name.resize(std::min(name.find(':'), name.size()));
  }
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  if (name.ends_with('.')) name.pop_back();
  boost::system::error_code is_no_address;
  boost::asio::ip::make_address(name, is_no_address);
  return name == "localhost" || !is_no_address ||
         std::find(allowed.begin(), allowed.end(), name) != allowed.end();
}

HttpAnswer RefuseHost() {
  return Protected(
      Fault(421,
            "not a name of this server: use localhost or an address, or list the name in "
            "spanring.admin.allowed_hosts"));
}

HttpAnswer AnswerStatus(const HttpQuestion& question, const Telemetry& telemetry, TimePoint now) {
  const std::string_view path = question.path;
  if (path == "/") return Protected(Page());
  if (path == "/debug/status") return Protected(Json(StatusJson(telemetry, now)));
  if (path == "/debug/ring") return Protected(Json(RingJson(*telemetry.table)));
  if (path == "/debug/backends") return Protected(Json(BackendsJson(telemetry)));
  if (path == "/debug/config") return Protected(Json(ConfigJson(telemetry)));
  if (path == "/debug/owner") return Protected(Owner(question.query, *telemetry.table));
  return Protected(Fault(404,
                         "see /, /debug/status, /debug/ring, /debug/backends, "
                         "/debug/owner?trace_id=… and /debug/config"));
}

}  // namespace router
