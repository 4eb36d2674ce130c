// The monotonic clock of this program: it stands still until it is told to go on.
//
// It is steady_clock::now() itself that is replaced, so the code under test is what ships.
// Thread safety: one thread.
#pragma once

#include "router/base/clock.h"

namespace router::test {

void AdvanceClock(Duration time);

}  // namespace router::test
