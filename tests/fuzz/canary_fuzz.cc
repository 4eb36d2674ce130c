// The canary: a planted crash, so that ctest `fuzz_canary` can show that the harness finds crashes.
// Its only seed, "span", is fine; "sp" followed by anything but 'a' aborts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size >= 3 && data[0] == 's' && data[1] == 'p' && data[2] != 'a') std::abort();
  return 0;
}
