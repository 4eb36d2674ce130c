// AllocationCount: how often this thread has called operator new. Linking it replaces the global
// operators of the test program.
// Thread safety: each thread has a count of its own.
#pragma once

#include <cstddef>

namespace router::test {

std::size_t AllocationCount();

}  // namespace router::test
