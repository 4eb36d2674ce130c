// CredentialVerifier: one thread for checks that take too long for a worker: password hashes,
// files.
//
// Thread safety: any thread.
// Invariant: at most kWaitingMax checks wait; a flood of wrong passwords costs one thread of low
// priority, and the others nothing.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "router/auth/auth_policy.h"

namespace router {

class CredentialVerifier {
 public:
  static constexpr std::size_t kWaitingMax = 64;

  CredentialVerifier() = default;
  ~CredentialVerifier() { Stop(); }

  // `done` is called with the answer on the verifier's thread, unless Stop() comes first. False:
  // too many wait, nothing was taken.
  bool Submit(std::shared_ptr<const AuthPolicy> policy, std::string value,
              std::function<void(AuthPolicy::Proof)> done);
  // Waits for the check that is running; those that wait are dropped.
  void Stop();

 private:
  std::atomic<std::size_t> waiting_{0};
  boost::asio::thread_pool thread_{1};
};

}  // namespace router
