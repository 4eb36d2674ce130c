#include "examples/demo/verdict.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace router::demo {
namespace {

struct ExpectedSpan {
  std::uint32_t trace = 0;  // index into the traces
  std::uint64_t fingerprint = 0;
  std::uint32_t copies = 0;
  bool is_altered = false;
  std::vector<std::string> links;  // IDs of linked spans, trace ID first
};

struct ExpectedTrace {
  std::uint64_t spans = 0;
  std::uint64_t received = 0;                                // distinct
  std::set<std::size_t> backends;                            // which hold a part
  std::set<std::pair<std::size_t, std::uint32_t>> requests;  // backend, request
  std::uint32_t first_ms = UINT32_MAX;
  std::uint32_t last_ms = 0;
};

class Expectation {
 public:
  explicit Expectation(const FlowOptions& flow) {
    std::unordered_map<std::string, std::uint32_t> trace_of;
    for (std::uint32_t order = 0; order < flow.orders; ++order) {
      for (const PlannedSpan& planned : PlanOrder(flow, order)) {
        const auto [found, is_new] = trace_of.try_emplace(
            planned.span.trace_id(), static_cast<std::uint32_t>(traces_.size()));
        if (is_new) traces_.emplace_back();
        ++traces_[found->second].spans;
        AddSpan(planned, found->second);
      }
    }
  }

  // Null for a span that was never planned.
  ExpectedSpan* Find(const Arrival& arrival) {
    const auto found = spans_.find(std::string(arrival.trace_id.data(), arrival.trace_id.size()) +
                                   std::string(arrival.span_id.data(), arrival.span_id.size()));
    return found == spans_.end() ? nullptr : &found->second;
  }

  bool HasArrived(const std::string& id) const {
    const auto found = spans_.find(id);
    return found != spans_.end() && found->second.copies > 0;
  }

  const std::unordered_map<std::string, ExpectedSpan>& spans() const { return spans_; }
  std::vector<ExpectedTrace>& traces() { return traces_; }

 private:
  void AddSpan(const PlannedSpan& planned, std::uint32_t trace) {
    ExpectedSpan expected;
    expected.trace = trace;
    test::ForEachSpan(
        MakeRequest(planned.role, {&planned}),
        [&](const test::Span&, std::uint64_t fingerprint) { expected.fingerprint = fingerprint; });
    for (const auto& link : planned.span.links()) {
      expected.links.push_back(link.trace_id() + link.span_id());
    }
    spans_[planned.span.trace_id() + planned.span.span_id()] = std::move(expected);
  }

  std::unordered_map<std::string, ExpectedSpan> spans_;
  std::vector<ExpectedTrace> traces_;
};

void CountArrivalsOf(std::size_t backend, const std::vector<Arrival>& arrivals,
                     Expectation& expectation, Verdict& verdict) {
  BackendTally& tally = verdict.backends.emplace_back();
  std::unordered_set<std::string> traces;
  for (const Arrival& arrival : arrivals) {
    ++tally.spans;
    traces.emplace(arrival.trace_id.data(), arrival.trace_id.size());
    ExpectedSpan* span = expectation.Find(arrival);
    if (span == nullptr) {
      ++verdict.unexpected;
      continue;
    }
    ExpectedTrace& trace = expectation.traces()[span->trace];
    if (span->copies++ > 0) {
      ++verdict.duplicated;
    } else {
      ++verdict.received;
      ++trace.received;
    }
    if (arrival.fingerprint != span->fingerprint && !std::exchange(span->is_altered, true)) {
      ++verdict.altered;
    }
    trace.backends.insert(backend);
    trace.requests.emplace(backend, arrival.request);
    trace.first_ms = std::min(trace.first_ms, arrival.after_ms);
    trace.last_ms = std::max(trace.last_ms, arrival.after_ms);
  }
  tally.traces = traces.size();
}

}  // namespace

bool Verdict::IsClean() const {
  return traces > 0 && whole == traces && received == sent && lost == 0 && duplicated == 0 &&
         altered == 0 && unexpected == 0 && links_intact == links;
}

Verdict Judge(const FlowOptions& flow, const std::vector<std::vector<Arrival>>& arrivals) {
  Verdict verdict;
  Expectation expectation(flow);
  for (std::size_t backend = 0; backend < arrivals.size(); ++backend) {
    CountArrivalsOf(backend, arrivals[backend], expectation, verdict);
  }

  std::uint64_t requests = 0;
  for (const ExpectedTrace& trace : expectation.traces()) {
    ++verdict.traces;
    if (trace.received == trace.spans && trace.backends.size() == 1) ++verdict.whole;
    if (trace.backends.size() > 1) ++verdict.torn;
    requests += trace.requests.size();
    if (trace.received > 1) {
      verdict.apart_max =
          std::max(verdict.apart_max, std::chrono::milliseconds(trace.last_ms - trace.first_ms));
    }
  }
  if (verdict.traces > 0) {
    verdict.requests_per_trace =
        static_cast<double>(requests) / static_cast<double>(verdict.traces);
  }
  verdict.sent = expectation.spans().size();
  verdict.lost = verdict.sent - verdict.received;
  for (const auto& [id, span] : expectation.spans()) {
    for (const std::string& target : span.links) {
      ++verdict.links;
      if (span.copies > 0 && !span.is_altered && expectation.HasArrived(target)) {
        ++verdict.links_intact;
      }
    }
  }
  return verdict;
}

}  // namespace router::demo
