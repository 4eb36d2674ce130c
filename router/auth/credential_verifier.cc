#include "router/auth/credential_verifier.h"

#include <pthread.h>
#include <sys/resource.h>

#include <boost/asio/post.hpp>
#include <utility>

namespace router {
namespace {

constexpr int kNice = 10;

// On Linux a thread has a priority of its own.
void LowerPriority() {
  static thread_local bool is_low = false;
  if (std::exchange(is_low, true)) return;
  ::pthread_setname_np(::pthread_self(), "auth");
  ::setpriority(PRIO_PROCESS, 0, kNice);
}

}  // namespace

bool CredentialVerifier::Submit(std::shared_ptr<const AuthPolicy> policy, std::string value,
                                std::function<void(AuthPolicy::Proof)> done) {
  if (waiting_.fetch_add(1) >= kWaitingMax) {
    waiting_.fetch_sub(1);
    return false;
  }
  boost::asio::post(thread_, [this, policy = std::move(policy), value = std::move(value),
                              done = std::move(done)] {
    LowerPriority();
    done(policy->Verify(value, Clock::now()));
    waiting_.fetch_sub(1);
  });
  return true;
}

void CredentialVerifier::Stop() {
  thread_.stop();
  thread_.join();
}

}  // namespace router
