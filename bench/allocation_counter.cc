// liballocation_counter.so: preloaded, it counts what a program allocates, and writes the number to
// the file named by ALLOCATION_COUNTER_FILE when the program ends.
//
// Thread safety: any thread.
#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace {

std::atomic<unsigned long long> allocations{0};

struct Report {
  ~Report() {
    const char* path = std::getenv("ALLOCATION_COUNTER_FILE");
    std::FILE* file = path == nullptr ? nullptr : std::fopen(path, "w");
    if (file == nullptr) return;
    std::fprintf(file, "%llu\n", allocations.load());
    std::fclose(file);
  }
} report;

void Count() { allocations.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

// glibc's own, under the names it keeps for whoever stands in between.
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  Count();
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) {
  Count();
  return __libc_calloc(count, size);
}

void* realloc(void* old, std::size_t size) {
  Count();
  return __libc_realloc(old, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  Count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  Count();
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? 12 : 0;  // ENOMEM
}

}  // extern "C"
