// Must not compile with clang -Wthread-safety -Werror: ctest `thread_annotations_bite` expects the
// failure.
#include "router/base/thread_annotations.h"

class Counter {
 public:
  int Read() const { return count_; }

 private:
  mutable router::Mutex mutex_;
  int count_ GUARDED_BY(mutex_) = 0;
};

int main() { return Counter().Read(); }
