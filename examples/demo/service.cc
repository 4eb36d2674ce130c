#include "examples/demo/service.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

#include "router/base/grpc_code.h"
#include "tests/support/grpc_client.h"

namespace router::demo {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBatchSpansMax = 512;
constexpr milliseconds kFlushInterval{1000};
constexpr milliseconds kExportTimeout{10'000};
constexpr int kAttemptsMax = 6;
constexpr milliseconds kFirstBackoff{250};

struct Batch {
  milliseconds send_after{0};
  std::vector<const PlannedSpan*> spans;
};

std::vector<PlannedSpan> PlanRole(const FlowOptions& flow, Role role) {
  std::vector<PlannedSpan> own;
  for (std::uint32_t order = 0; order < flow.orders; ++order) {
    for (PlannedSpan& planned : PlanOrder(flow, order)) {
      if (planned.role == role) own.push_back(std::move(planned));
    }
  }
  std::stable_sort(own.begin(), own.end(), [](const PlannedSpan& a, const PlannedSpan& b) {
    return a.ends_after < b.ends_after;
  });
  return own;
}

std::vector<Batch> MakeBatches(const std::vector<PlannedSpan>& spans) {
  std::vector<Batch> batches;
  Batch batch;
  milliseconds flushed{0};
  const auto flush = [&](milliseconds at) {
    flushed = at;
    if (batch.spans.empty()) return;
    batch.send_after = at;
    batches.push_back(std::move(batch));
    batch = Batch();
  };
  for (const PlannedSpan& span : spans) {
    while (span.ends_after >= flushed + kFlushInterval) flush(flushed + kFlushInterval);
    batch.spans.push_back(&span);
    if (batch.spans.size() == kBatchSpansMax) flush(span.ends_after);
  }
  flush(flushed + kFlushInterval);
  return batches;
}

// How many spans of the answered request did not get through.
std::uint64_t RejectedSpans(const test::CallResult& result, std::uint64_t spans) {
  test::ExportResponse response;
  if (!result.status.ok() || !response.ParseFromString(result.response)) return spans;
  if (response.has_partial_success()) {
    std::fprintf(stderr, "partial success: %s\n",
                 response.partial_success().error_message().c_str());
  }
  return std::min(spans, static_cast<std::uint64_t>(response.partial_success().rejected_spans()));
}

class Exporter {
 public:
  explicit Exporter(const ServiceOptions& options) : options_(options) {
    for (const std::string& endpoint : options.endpoints) {
      clients_.push_back(std::make_unique<test::GrpcClient>(endpoint));
    }
  }

  void Export(const Batch& batch, ServiceReport& report) {
    test::GrpcClient& client = *clients_[report.requests % clients_.size()];
    const std::string bytes = MakeRequest(options_.role, batch.spans).SerializeAsString();
    ++report.requests;
    report.spans += batch.spans.size();
    milliseconds backoff = kFirstBackoff;
    for (int attempt = 1;; ++attempt) {
      const test::CallResult result =
          client.Call(bytes, {.deadline = kExportTimeout, .gzip = options_.gzip});
      const GrpcCode code = GrpcCodeFromInt(static_cast<std::uint64_t>(result.code()));
      if (code == GrpcCode::kOk || !IsRetryable(code, result.retry_delay.has_value()) ||
          attempt == kAttemptsMax) {
        if (code != GrpcCode::kOk) Complain("gave up", batch, result);
        report.acknowledged += batch.spans.size() - RejectedSpans(result, batch.spans.size());
        return;
      }
      Complain("trying again", batch, result);
      ++report.retries;
      std::this_thread::sleep_for(std::max(backoff, result.retry_delay.value_or(milliseconds(0))));
      backoff *= 2;
    }
  }

 private:
  static void Complain(const char* what, const Batch& batch, const test::CallResult& result) {
    std::fprintf(stderr, "export of %zu spans: %s (%d): %s\n", batch.spans.size(), what,
                 result.code(), result.status.error_message().c_str());
  }

  const ServiceOptions& options_;
  std::vector<std::unique_ptr<test::GrpcClient>> clients_;
};

}  // namespace

std::string ServiceReport::ToLine() const {
  return "requests=" + std::to_string(requests) + " spans=" + std::to_string(spans) +
         " acknowledged=" + std::to_string(acknowledged) + " retries=" + std::to_string(retries);
}

ServiceReport ServiceReport::FromLine(const std::string& line) {
  ServiceReport report;
  unsigned long long requests = 0, spans = 0, acknowledged = 0, retries = 0;
  if (std::sscanf(line.c_str(), "requests=%llu spans=%llu acknowledged=%llu retries=%llu",
                  &requests, &spans, &acknowledged, &retries) == 4) {
    report = {requests, spans, acknowledged, retries};
  }
  return report;
}

ServiceReport RunService(const ServiceOptions& options) {
  const std::vector<PlannedSpan> spans = PlanRole(options.flow, options.role);
  Exporter exporter(options);
  ServiceReport report;
  for (const Batch& batch : MakeBatches(spans)) {
    std::this_thread::sleep_until(options.begin + batch.send_after);
    exporter.Export(batch, report);
  }
  return report;
}

}  // namespace router::demo
