#include "router/app/config_consistency.h"

#include <string_view>
#include <utility>
#include <vector>

#include "router/app/config_keys.h"
#include "router/app/config_values.h"
#include "router/app/config_view.h"
#include "router/base/ascii_text.h"

namespace router {
namespace {

// ---- bounds ------------------------------------------------------------------------------------

// Two keys of `spanring:`, of which the first must not be above the second.
struct Order {
  std::string_view low;
  std::string_view high;
  std::string_view above;  // what `low` must not be than `high`
  std::string_view below;
};

std::string NameOf(std::string_view key) { return std::string("spanring.").append(key); }

// Reported at the key that the file has; the other one may be at its default.
void RefuseOrder(const YamlNode* own, const Order& order, FaultLog& log) {
  const bool has_low = FindValue(own, order.low) != nullptr;
  const bool has_high = FindValue(own, order.high) != nullptr;
  const std::string_view at = has_low ? order.low : order.high;
  const std::string_view other = has_low ? order.high : order.low;
  std::string message = "must not be ";
  message.append(has_low ? order.above : order.below).append(" than ").append(NameOf(other));
  std::string hint;
  if (!has_low || !has_high) {
    message.append(", ").append(FindConfigKey(NameOf(other))->default_text).append(" by default");
    hint = std::string("set ").append(NameOf(other)).append(", too");
  }
  log.Refuse(FindEntry(own, at)->line, NameOf(at), message, hint);
}

// ---- listeners ---------------------------------------------------------------------------------

struct Listener {
  std::string key;
  const YamlEntry* entry = nullptr;  // what sets it; nullptr: the default
  Config::Address address;
};

// The component of that id; ids may contain dots.
const YamlNode* FindComponent(const YamlNode& root, std::string_view section, std::string_view id) {
  const YamlNode* components = FindValue(&root, section);
  const YamlEntry* entry = components == nullptr ? nullptr : components->Find(id);
  return entry == nullptr ? nullptr : entry->value.get();
}

class Listeners {
 public:
  // `path` is that of its key below `section`, `shown` the whole one.
  void Add(const std::string& shown, const YamlNode* section, std::string_view path,
           const Config::Address& address) {
    const YamlNode* node = FindValue(section, path);
    const bool is_at_fault = node != nullptr && node->kind == YamlNode::Kind::kScalar &&
                             !ParseAddress(node->text, 0).has_value();
    if (!is_at_fault) {
      all_.push_back({shown, node == nullptr ? nullptr : FindEntry(section, path), address});
    }
  }
  const std::vector<Listener>& all() const { return all_; }

 private:
  std::vector<Listener> all_;
};

// An admin port that the file does not ask for is done without when its address is taken.
std::vector<Listener> ListenersOf(const YamlNode& root, const Config& config,
                                  const std::string& health_id) {
  Listeners listeners;
  const std::string receiver = "receivers." + Shown(config.receiver.id) + ".protocols.";
  const YamlNode* section = FindComponent(root, "receivers", config.receiver.id);
  if (config.receiver.has_grpc) {
    listeners.Add(receiver + "grpc.endpoint", section, "protocols.grpc.endpoint",
                  config.receiver.endpoint);
  }
  if (config.receiver.http.is_enabled) {
    listeners.Add(receiver + "http.endpoint", section, "protocols.http.endpoint",
                  config.receiver.http.endpoint);
  }
  if (config.health.is_enabled) {
    listeners.Add("extensions." + Shown(health_id) + ".endpoint",
                  FindComponent(root, "extensions", health_id), "endpoint", config.health.endpoint);
  }
  if (config.metrics.is_enabled) {
    const YamlNode* readers = FindValue(&root, "service.telemetry.metrics.readers");
    const bool has_reader = readers != nullptr && !readers->items.empty();
    listeners.Add("service.telemetry.metrics.readers[0].pull.exporter.prometheus",
                  has_reader ? readers->items.front().get() : nullptr, "pull.exporter.prometheus",
                  config.metrics.endpoint);
  }
  if (config.admin.is_enabled && !config.admin.is_default) {
    listeners.Add("spanring.admin.endpoint", &root, "spanring.admin.endpoint",
                  config.admin.endpoint);
  }
  return listeners.all();
}

bool IsEvery(std::string_view host) { return host.empty() || host == "0.0.0.0" || host == "::"; }
bool IsIpv6(std::string_view host) { return host.find(':') != std::string_view::npos; }
bool IsIpv4(std::string_view host) {
  return !host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

// Port 0 is any free one.
bool Overlap(const Config::Address& one, const Config::Address& other) {
  const bool are_families_apart =
      (IsIpv4(one.host) && IsIpv6(other.host)) || (IsIpv6(one.host) && IsIpv4(other.host));
  const bool is_within = (IsEvery(one.host) || IsEvery(other.host)) && !are_families_apart;
  return one.port != 0 && one.port == other.port && (is_within || IsSameText(one.host, other.host));
}

void CheckListeners(const std::vector<Listener>& listeners, FaultLog& log) {
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!Overlap(listeners[j].address, listeners[i].address)) continue;
      const bool is_first = listeners[i].entry == nullptr;
      const Listener& at = listeners[is_first ? j : i];
      const Listener& other = listeners[is_first ? i : j];
      const std::string by_default =
          other.entry == nullptr ? ", " + FormatAddress(other.address) + " by default" : "";
      log.Refuse(at.entry == nullptr ? 0 : at.entry->line, at.key,
                 "the address and port of " + other.key + by_default,
                 "each needs its own; give one of them another port");
    }
  }
}

}  // namespace

void CheckConsistency(const YamlNode& root, const Config& config, const std::string& health_id,
                      FaultLog& log) {
  const YamlNode* own = FindValue(&root, "spanring");
  if (config.request.default_timeout > config.request.timeout_max) {
    RefuseOrder(own, {"request.default_timeout", "request.timeout_max", "longer", "shorter"}, log);
  }
  if (config.backend.request_bytes_max > config.backend.pending_bytes_max) {
    RefuseOrder(
        own, {"backend.max_request_bytes", "backend.pending_bytes_max", "larger", "smaller"}, log);
  }
  CheckListeners(ListenersOf(root, config, health_id), log);
}

}  // namespace router
