#include "examples/demo/screen.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace router::demo {
namespace {

using std::chrono::milliseconds;

constexpr int kBarWidth = 30;
constexpr milliseconds kLineInterval{2000};

template <typename... Values>
std::string Format(const char* format, Values... values) {
  const int size = std::snprintf(nullptr, 0, format, values...);
  std::string text(static_cast<std::size_t>(size) + 1, '\0');
  std::snprintf(text.data(), text.size(), format, values...);
  text.pop_back();
  return text;
}

std::string TableText(const Verdict& verdict, const std::vector<std::string>& backends) {
  std::string text = Format("  %-20s %12s %12s %9s\n", "backend", "spans", "traces", "share");
  std::uint64_t spans = 0;
  std::uint64_t traces = 0;
  for (const BackendTally& tally : verdict.backends) {
    spans += tally.spans;
    traces += tally.traces;
  }
  for (std::size_t i = 0; i < verdict.backends.size(); ++i) {
    const BackendTally& tally = verdict.backends[i];
    const double share =
        spans == 0 ? 0 : 100.0 * static_cast<double>(tally.spans) / static_cast<double>(spans);
    text += Format("  %-20s %12s %12s %7.1f %%\n", backends[i].c_str(),
                   Grouped(tally.spans).c_str(), Grouped(tally.traces).c_str(), share);
  }
  return text +
         Format("  %-20s %12s %12s\n", "all", Grouped(spans).c_str(), Grouped(traces).c_str());
}

std::string VerdictLine(const Verdict& verdict) {
  const std::string whole = Grouped(verdict.whole) + " of " + Grouped(verdict.traces) +
                            " traces whole on one backend, nothing lost";
  if (verdict.IsClean()) return "VERDICT  every trace whole: " + whole;
  std::vector<std::string> faults;
  if (verdict.whole != verdict.traces) {
    faults.push_back(Grouped(verdict.traces - verdict.whole) + " of " + Grouped(verdict.traces) +
                     " traces not whole, " + Grouped(verdict.torn) +
                     " of them torn between backends");
  }
  if (verdict.lost > 0) faults.push_back(Grouped(verdict.lost) + " spans lost");
  if (verdict.duplicated > 0) faults.push_back(Grouped(verdict.duplicated) + " spans duplicated");
  if (verdict.altered > 0) faults.push_back(Grouped(verdict.altered) + " spans altered");
  if (verdict.unexpected > 0) faults.push_back(Grouped(verdict.unexpected) + " spans nobody sent");
  if (verdict.links_intact != verdict.links) {
    faults.push_back(Grouped(verdict.links - verdict.links_intact) + " links broken");
  }
  std::string line = "VERDICT  FAILED";
  for (std::size_t i = 0; i < faults.size(); ++i) line += (i == 0 ? ": " : "; ") + faults[i];
  return line;
}

}  // namespace

std::string Grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

ProgressLine::ProgressLine(std::vector<milliseconds> span_ends, milliseconds length)
    : span_ends_(std::move(span_ends)),
      length_(length),
      is_terminal_(::isatty(STDOUT_FILENO) == 1) {
  std::sort(span_ends_.begin(), span_ends_.end());
}

void ProgressLine::Show(milliseconds elapsed, std::uint64_t received) {
  if (is_terminal_) {
    Print(elapsed, received, "\r");
  } else if (elapsed >= printed_ + kLineInterval) {
    printed_ = elapsed;
    Print(elapsed, received, "\n");
  }
}

void ProgressLine::Finish(milliseconds elapsed, std::uint64_t received) {
  is_finished_ = true;
  Print(elapsed, received, "\n");
}

void ProgressLine::Print(milliseconds elapsed, std::uint64_t received, const char* end) {
  elapsed = std::max(elapsed, milliseconds(0));
  const auto recorded = std::upper_bound(span_ends_.begin(), span_ends_.end(), elapsed);
  const auto filled = is_finished_ ? kBarWidth
                                   : std::min<std::int64_t>(
                                         kBarWidth, kBarWidth * elapsed.count() / length_.count());
  std::string bar(static_cast<std::size_t>(filled), '#');
  bar.resize(kBarWidth, '.');
  std::printf("  %4.1f s  [%s]  spans recorded %7s   at the backends %7s%s",
              static_cast<double>(elapsed.count()) / 1000, bar.c_str(),
              Grouped(static_cast<std::uint64_t>(recorded - span_ends_.begin())).c_str(),
              Grouped(received).c_str(), end);
  std::fflush(stdout);
}

std::string ResultText(const Verdict& verdict, const ServiceReport& report,
                       const std::vector<std::string>& backends) {
  std::string text = TableText(verdict, backends);
  text += "\n  spans    sent " + Grouped(report.spans) + ", acknowledged " +
          Grouped(report.acknowledged) + ", received " + Grouped(verdict.received) + ", lost " +
          Grouped(verdict.lost) + ", duplicated " + Grouped(verdict.duplicated) + ", altered " +
          Grouped(verdict.altered) + "\n";
  text += Format(
      "  traces   %s; the spans of one came in %.1f requests on average, up to %.1f s apart\n",
      Grouped(verdict.traces).c_str(), verdict.requests_per_trace,
      static_cast<double>(verdict.apart_max.count()) / 1000);
  text += "  links    " + Grouped(verdict.links_intact) + " of " + Grouped(verdict.links) +
          " intact (scheduled jobs to the order that scheduled them)\n";
  text += "  requests " + Grouped(report.requests) + " from the services, " +
          Grouped(report.retries) + " retries\n";
  return text + "\n" + VerdictLine(verdict) + "\n";
}

}  // namespace router::demo
