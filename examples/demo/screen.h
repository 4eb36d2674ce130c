// What the demo prints: plain text, 100 columns, no colours; a line that redraws itself on a
// terminal.
// Thread safety: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "examples/demo/service.h"
#include "examples/demo/verdict.h"

namespace router::demo {

// 1234567 → "1,234,567".
std::string Grouped(std::uint64_t number);

// Progress of the flow: redrawn in place on a terminal, every two seconds a line elsewhere.
class ProgressLine {
 public:
  // `span_ends` in any order: when each span of the plan ends.
  ProgressLine(std::vector<std::chrono::milliseconds> span_ends, std::chrono::milliseconds length);
  void Show(std::chrono::milliseconds elapsed, std::uint64_t received);
  void Finish(std::chrono::milliseconds elapsed, std::uint64_t received);

 private:
  void Print(std::chrono::milliseconds elapsed, std::uint64_t received, const char* end);

  std::vector<std::chrono::milliseconds> span_ends_;  // sorted
  const std::chrono::milliseconds length_;
  const bool is_terminal_;
  std::chrono::milliseconds printed_{-2000};
  bool is_finished_ = false;
};

// The table of backends and the verdict under it.
std::string ResultText(const Verdict& verdict, const ServiceReport& report,
                       const std::vector<std::string>& backends);

}  // namespace router::demo
