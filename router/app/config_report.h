// ConfigReport: what reading a configuration file gives: the configuration, or every fault at once;
// and the warnings either way.
// Thread safety: value types.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "router/app/config.h"

namespace router {

// One thing wrong, or worth knowing, at one place of the file. Never holds the value of a header or
// of an environment variable.
struct Fault {
  std::string file;
  int line = 0;         // from 1; 0: about the file as a whole
  int column = 0;       // from 1; only for faults of YAML syntax
  std::string key;      // `exporters.loadbalancing.resolver`; empty: no key
  std::string message;  // what is wrong
  std::string hint;     // what to do; may be empty
  bool operator==(const Fault&) const = default;
};

// `file:line: key: message (hint)`, one line of printable text whatever the file contained.
std::string ToText(const Fault& fault);

// Invariant: `config` holds a value exactly when `faults` is empty.
struct ConfigReport {
  std::optional<Config> config;
  std::vector<Fault> faults;
  std::vector<Fault> warnings;
  std::string in_force = {};  // as DescribeConfig() tells it; empty when there are faults
};

// The faults and warnings of one file while it is being read.
class FaultLog {
 public:
  // A file with more faults than this gets one last fault that says so; hostile input stays cheap.
  static constexpr std::size_t kEntriesMax = 100;

  explicit FaultLog(std::string file) : file_(std::move(file)) {}

  void Refuse(int line, std::string_view key, std::string_view message, std::string_view hint = {});
  void RefuseSyntax(int line, int column, std::string_view message);
  void Warn(int line, std::string_view key, std::string_view message, std::string_view hint = {});

  bool is_full() const { return faults_.size() > kEntriesMax; }
  const std::vector<Fault>& faults() const { return faults_; }
  const std::vector<Fault>& warnings() const { return warnings_; }

 private:
  void Add(std::vector<Fault>& entries, Fault fault);

  std::string file_;
  std::vector<Fault> faults_;
  std::vector<Fault> warnings_;
};

// `text` for use in a message: control characters replaced, at most 80 bytes.
std::string Shown(std::string_view text);

}  // namespace router
