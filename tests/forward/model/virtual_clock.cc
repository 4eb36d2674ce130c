#include "tests/forward/model/virtual_clock.h"

namespace {
std::chrono::steady_clock::time_point now_of_the_test{std::chrono::hours(1)};
}  // namespace

std::chrono::steady_clock::time_point std::chrono::steady_clock::now() noexcept {
  return now_of_the_test;
}

namespace router::test {

void AdvanceClock(Duration time) { now_of_the_test += time; }

}  // namespace router::test
