#include "router/app/config_docs.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "router/app/config_check.h"
#include "router/app/config_keys.h"
#include "router/app/config_values.h"
#include "router/app/go_duration.h"

namespace router {
namespace {

constexpr std::string_view kOpening = R"(# Configuration

<!-- Written by RenderConfigurationDocs() from router/app/config_keys.cc; app_test compares. Do not edit. -->

spanring reads an OpenTelemetry Collector's YAML file with an `otlp` receiver and a `loadbalancing` exporter. What
only spanring has is in one block, `spanring:`; without that block the file is a Collector's. The smallest file
that works:

```yaml
exporters:
  loadbalancing:
    protocol:
      otlp:
        tls:
          insecure: true
    resolver:
      dns:
        hostname: otelcol-backend
        port: "4317"
```

It listens for OTLP/gRPC on `localhost:4317` and OTLP/HTTP on `localhost:4318`, answers health checks on `localhost:13133/` and Prometheus on
`localhost:8888`, and sends to every address of `otelcol-backend`. Longer ones are in [examples](../examples).
`spanring validate --config FILE` checks a file and starts nothing.

## Rules of the language

* **All faults at once**, each as `file:line: key: what is wrong (what to do)`; the exit code is 1. Unknown keys
  are faults, so a typing error is not ignored.
* **Durations** as Go writes them: `300ms`, `5s`, `1m30s`. A number without a unit is refused, except `0`.
* **Sizes** under `spanring:` are bytes or carry a unit: `4194304`, `512MiB`, `1GiB`.
* **Environment**: `${env:NAME}`, `${env:NAME:-default}`, `${NAME}`; `$$` is a `$`. The value is read as YAML, so it
  may be a number or a list. A variable that is not set gives a warning and an empty value.
* **Ids** are `type` or `type/name`, as in `otlp/edge`. `load_balancing` is the same type as `loadbalancing`.
* **Anchors, aliases and merge keys** (`<<`) work. A file has at most 1 MiB, 64 levels and 100,000 values, aliases
  written out.
* Numbers and booleans in quotes are strings, as for the Collector; ports may be either.
* An empty section (`grpc:`) means its defaults.
* **SIGHUP** reads the file again ([operations.md](operations.md#reload)). Keys marked *(restart)* keep their old value
  until the process is started anew.

## What happens to a key

| | |
|---|---|
| honoured | it does what it does in the Collector |
| done otherwise | accepted with a warning: another mechanism does that job here |
| no effect | accepted with a warning: there is nothing here it could change |
| not yet | refused: spanring does not do that yet, and leaving it out silently would be worse |

)";

struct Chapter {
  std::string_view title;
  std::string_view prefix;  // of the paths in it
};
constexpr Chapter kChapters[] = {{"Receiver", "receivers"},    {"Exporter", "exporters"},
                                 {"Processors", "processors"}, {"Connectors", "connectors"},
                                 {"Extensions", "extensions"}, {"Service", "service"},
                                 {"Only spanring", "spanring"}};

std::string_view NameOf(ValueType type) {
  switch (type) {
    case ValueType::kSection:
      return "section";
    case ValueType::kComponents:
      return "map of ids";
    case ValueType::kSectionList:
      return "list of sections";
    case ValueType::kString:
      return "string";
    case ValueType::kBoolean:
      return "boolean";
    case ValueType::kInteger:
      return "integer";
    case ValueType::kNumber:
      return "number";
    case ValueType::kDuration:
      return "duration";
    case ValueType::kBytes:
      return "size";
    case ValueType::kPort:
      return "port";
    case ValueType::kListen:
      return "host:port";
    case ValueType::kChoice:
      return "choice";
    case ValueType::kStringList:
    case ValueType::kCompressionList:
      return "list of words";
    case ValueType::kTargetList:
    case ValueType::kServerList:
      return "list of addresses";
    case ValueType::kPortList:
      return "list of ports";
    case ValueType::kHeaders:
      return "map of strings";
    case ValueType::kAny:
      return "any";
  }
  return "";
}

std::string_view NameOf(Treatment treatment) {
  switch (treatment) {
    case Treatment::kHonoured:
      return "honoured";
    case Treatment::kMapped:
      return "done otherwise";
    case Treatment::kIgnored:
      return "no effect";
    case Treatment::kLater:
      return "not yet";
  }
  return "";
}

std::string Words(std::string_view words) {
  std::string text = "`";
  for (const char c : words) {
    text += c == '|' ? std::string("`, `") : std::string(1, c);
  }
  return text + "`";
}

std::string Bound(const ConfigKey& key, std::int64_t value) {
  switch (key.type) {
    case ValueType::kDuration:
      return FormatGoDuration(std::chrono::milliseconds(value));
    case ValueType::kBytes:
      return FormatByteSize(static_cast<std::uint64_t>(value));
    default:
      return std::to_string(value);
  }
}

std::string Allowed(const ConfigKey& key) {
  std::string text;
  if (!key.choices.empty()) {
    text = Words(key.choices);
  }
  if (!key.later.empty()) {
    text += "; not yet: " + Words(key.later);
  }
  if (key.max > 0) {
    text = Bound(key, key.min) + " … " + Bound(key, key.max);
  }
  if (key.zero_is_default) {
    text += ", or 0 for the default";
  }
  return text;
}

bool IsIn(const Chapter& chapter, std::string_view path) {
  return path == chapter.prefix || path.starts_with(std::string(chapter.prefix).append("."));
}

std::string Row(const ConfigKey& key) {
  std::string row = "| `";
  row.append(key.path).append("` | ");
  row.append(key.treatment == Treatment::kLater ? "" : NameOf(key.type)).append(" | ");
  if (!key.default_text.empty()) {
    row.append("`").append(key.default_text).append("`");
  }
  row.append(" | ").append(Allowed(key)).append(" | ");
  if (key.treatment != Treatment::kHonoured) {
    row.append("**").append(NameOf(key.treatment)).append("**: ");
  }
  return row.append(key.text).append(key.needs_restart ? " *(restart)* |\n" : " |\n");
}

}  // namespace

std::string RenderConfigurationDocs() {
  std::string page(kOpening);
  for (const Chapter& chapter : kChapters) {
    page.append("## ").append(chapter.title).append("\n\n");
    page.append("| Key | Type | Default | Allowed | Meaning |\n|---|---|---|---|---|\n");
    for (const ConfigKey& key : AllConfigKeys()) {
      if (IsIn(chapter, key.path)) {
        page.append(Row(key));
      }
    }
    page.append("\n");
  }
  page.pop_back();
  return page;
}

std::string RenderMigrationTable() {
  std::string table = "| Key of the Collector | Here | Remark |\n|---|---|---|\n";
  for (const ConfigKey& key : AllConfigKeys()) {
    const bool is_detail = key.text.starts_with("see ");  // its section says it
    const bool is_section = key.type == ValueType::kSection || key.type == ValueType::kComponents;
    const bool is_plain = key.treatment == Treatment::kHonoured && is_section;
    if (is_detail || is_plain || key.path.starts_with("spanring")) continue;
    table.append("| `").append(key.path).append("` | ").append(NameOf(key.treatment));
    table.append(" | ");
    if (key.treatment != Treatment::kHonoured) {
      table.append(key.text);
    } else if (!key.later.empty()) {
      table.append("not yet: ").append(Words(key.later));
    } else if (key.path == "exporters.loadbalancing.protocol.otlp.timeout") {
      table.append("done otherwise above 0.4 × spanring.request.timeout_max: ");
      table.append(kAttemptTimeRemark);
    }
    table.append(" |\n");
  }
  return table;
}

}  // namespace router
