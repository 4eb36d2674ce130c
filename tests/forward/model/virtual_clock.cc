#include "tests/forward/model/virtual_clock.h"

#include <random>

namespace {
unsigned next_number = 0;
std::chrono::steady_clock::time_point now_of_the_test{std::chrono::hours(1)};
}  // namespace

std::chrono::steady_clock::time_point std::chrono::steady_clock::now() noexcept {
  return now_of_the_test;
}

std::random_device::result_type std::random_device::_M_getval() { return ++next_number; }

namespace router::test {

void AdvanceClock(Duration time) { now_of_the_test += time; }
void SeedRandomDevice(unsigned seed) { next_number = seed * 1000; }

}  // namespace router::test
