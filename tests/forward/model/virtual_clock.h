// The monotonic clock of this program: it stands still until it is told to go on. And its source of
// chance: what the code under test draws its jitter from.
//
// steady_clock::now() and random_device themselves are replaced, so the code under test is what
// ships.
// Thread safety: one thread.
#pragma once

#include "router/base/clock.h"

namespace router::test {

void AdvanceClock(Duration time);
void SeedRandomDevice(unsigned seed);

}  // namespace router::test
