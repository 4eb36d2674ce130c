#include "router/codec/work_bound.h"

#include <algorithm>
#include <ctime>

namespace router {
namespace {

std::int64_t ThreadCpuNanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

WorkBound::WorkBound(std::span<const std::uint8_t> in)
    : begin_(in.data()),
      end_(in.data() + in.size()),
      next_check_(in.data() + std::min(in.size(), kSliceBytes)) {
  if (in.size() > kSliceBytes) started_ns_ = ThreadCpuNanoseconds();
}

std::span<const std::uint8_t> WorkBound::Slice(const std::uint8_t* next) const {
  const std::span<const std::uint8_t> rest = Rest(next);
  return rest.first(std::min(rest.size(), kSliceBytes));
}

bool WorkBound::IsExceeded(const std::uint8_t* next, std::size_t output_bytes) {
  if (next < next_check_ || end_ - begin_ <= static_cast<std::ptrdiff_t>(kSliceBytes)) return false;
  next_check_ = next + std::min(Rest(next).size(), kSliceBytes);
  const auto bytes =
      static_cast<std::int64_t>(next - begin_) + static_cast<std::int64_t>(output_bytes);
  return ThreadCpuNanoseconds() - started_ns_ > kFreeNs + kNsPerByteMax * bytes;
}

}  // namespace router
