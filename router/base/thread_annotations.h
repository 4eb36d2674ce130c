// Thread annotations: who may touch a member, in a form clang checks (-Wthread-safety); empty for
// g++.
//
//   Mutex mu_;
//   int waiting_ GUARDED_BY(mu_);             // touched only while mu_ is held
//   void WakeAll() REQUIRES(mu_);             // called only while mu_ is held
//   Role control_;                            // no lock: the thread that runs the control loop
//   int members_ GUARDED_BY(control_);        // touched only after control_.AssertHeld()
//
// Mutex is std::mutex with these marks (std::mutex has none in libstdc++; absl::Mutex is invisible
// to ThreadSanitizer in the distribution's build). MutexLock holds it for a scope. Role marks
// thread confinement: AssertHeld() tells clang that this function runs on the right thread. It
// costs nothing and checks nothing at run time, so it stands where the thread is known: at entry
// points.
// Thread safety: Mutex, any thread. Never block, do I/O or call out while holding one; to cross
// threads, post.
#pragma once

#include <mutex>

#if defined(__clang__)
#define SPANRING_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define SPANRING_THREAD_ATTRIBUTE(x)
#endif

#define GUARDED_BY(x) SPANRING_THREAD_ATTRIBUTE(guarded_by(x))
#define PT_GUARDED_BY(x) SPANRING_THREAD_ATTRIBUTE(pt_guarded_by(x))
#define REQUIRES(...) SPANRING_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) SPANRING_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace router {

class SPANRING_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() SPANRING_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void Unlock() SPANRING_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  bool TryLock() SPANRING_THREAD_ATTRIBUTE(try_acquire_capability(true)) {
    return mutex_.try_lock();
  }

 private:
  std::mutex mutex_;
};

class SPANRING_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SPANRING_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() SPANRING_THREAD_ATTRIBUTE(release_capability()) { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

class SPANRING_THREAD_ATTRIBUTE(capability("thread role")) Role {
 public:
  void AssertHeld() const SPANRING_THREAD_ATTRIBUTE(assert_capability()) {}
};

}  // namespace router
