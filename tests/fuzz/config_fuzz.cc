// Fuzz target: the configuration reader. No text and no environment makes it throw, crash, hang, or
// break the rule that there is a configuration exactly when there is no fault.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "router/app/config_reader.h"
#include "router/app/config_summary.h"

namespace {

// Variables named V give the text itself, so that values are fuzzed as YAML too; U is never set.
std::optional<std::string> Lookup(const std::string& name, std::string_view text) {
  if (name.starts_with("U")) {
    return std::nullopt;
  }
  return name.starts_with("V") ? std::string(text) : "4317";
}

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const router::ConfigReport report = router::ReadConfigText(
      text, "fuzz.yaml", [&](const std::string& name) { return Lookup(name, text); });
  Require(report.config.has_value() == report.faults.empty());
  Require(report.faults.size() <= router::FaultLog::kEntriesMax + 1);
  for (const router::Fault& fault : report.faults) {
    Require(router::ToText(fault).find('\n') == std::string::npos);
  }
  if (report.config) {
    Require(!router::Summarize(*report.config).empty());
  }
  return 0;
}
