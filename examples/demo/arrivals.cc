#include "examples/demo/arrivals.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

namespace router::demo {
namespace {

// An ID of another length than OTLP's is cut or padded with zeros: it will match no span of the
// plan.
template <std::size_t kSize>
void CopyId(const std::string& id, std::array<char, kSize>& out) {
  std::copy_n(id.begin(), std::min(id.size(), kSize), out.begin());
}

}  // namespace

Result<ArrivalJournal> ArrivalJournal::Open(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return Failure("cannot write " + file.string() + ": " + std::strerror(errno));
  return ArrivalJournal(fd);
}

ArrivalJournal::ArrivalJournal(int fd) : fd_(fd), opened_(std::chrono::steady_clock::now()) {}

ArrivalJournal::ArrivalJournal(ArrivalJournal&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), opened_(other.opened_) {}

ArrivalJournal::~ArrivalJournal() {
  if (fd_ >= 0) ::close(fd_);
}

bool ArrivalJournal::Append(const test::ExportRequest& request, std::uint32_t request_number) {
  const auto after = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - opened_);
  std::vector<Arrival> arrivals;
  test::ForEachSpan(request, [&](const test::Span& span, std::uint64_t fingerprint) {
    Arrival& arrival = arrivals.emplace_back();
    CopyId(span.trace_id(), arrival.trace_id);
    CopyId(span.span_id(), arrival.span_id);
    arrival.fingerprint = fingerprint;
    arrival.request = request_number;
    arrival.after_ms = static_cast<std::uint32_t>(after.count());
  });
  const std::size_t size = arrivals.size() * sizeof(Arrival);
  return ::write(fd_, arrivals.data(), size) == static_cast<ssize_t>(size);
}

std::vector<Arrival> ReadArrivals(const std::filesystem::path& file) {
  std::vector<Arrival> arrivals(CountArrivals(file));
  std::ifstream in(file, std::ios::binary);
  in.read(reinterpret_cast<char*>(arrivals.data()),
          static_cast<std::streamsize>(arrivals.size() * sizeof(Arrival)));
  arrivals.resize(static_cast<std::size_t>(in.gcount()) / sizeof(Arrival));
  return arrivals;
}

std::uint64_t CountArrivals(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return error ? 0 : size / sizeof(Arrival);
}

}  // namespace router::demo
