// The journal of a backend: one fixed-size record per span that arrived, in order of arrival.
//
// A backend appends a request's records before it answers, so once a sender has its OK the journal
// holds the spans. The size of the file alone tells how many have arrived.
// Thread safety: one writer per file; readers at any time see whole records.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "router/base/result.h"
#include "tests/support/span_ledger.h"

namespace router::demo {

struct Arrival {
  std::array<char, 16> trace_id{};
  std::array<char, 8> span_id{};
  std::uint64_t fingerprint = 0;  // span_ledger.h
  std::uint32_t request = 0;      // the backend's number of the request it came in
  std::uint32_t after_ms = 0;     // since the backend started
};
static_assert(sizeof(Arrival) == 40);

class ArrivalJournal {
 public:
  static Result<ArrivalJournal> Open(const std::filesystem::path& file);
  ~ArrivalJournal();
  ArrivalJournal(ArrivalJournal&& other) noexcept;
  ArrivalJournal& operator=(ArrivalJournal&&) = delete;

  // False when the file cannot be written.
  [[nodiscard]] bool Append(const test::ExportRequest& request, std::uint32_t request_number);

 private:
  explicit ArrivalJournal(int fd);

  int fd_;
  std::chrono::steady_clock::time_point opened_;
};

std::vector<Arrival> ReadArrivals(const std::filesystem::path& file);
std::uint64_t CountArrivals(const std::filesystem::path& file);

}  // namespace router::demo
