// Authenticator: one worker's answer to "who is this": at once where it can, otherwise by asking
// the verifier once for each credential and remembering what it said.
//
// Thread safety: its worker only.
// Invariants: a sink hears exactly once, never inline from Check(), unless Forget() came first.
// Accepted credentials are remembered until a policy comes that may refuse them, refused ones for
// kRefusedFor; of each at most kRememberedMax, by a keyed hash and not by their text.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "router/auth/auth_policy.h"
#include "router/auth/credential_verifier.h"
#include "router/base/worker_loop.h"

namespace router {

enum class AuthResult : std::uint8_t {
  kAccepted,
  kRefused,
  kBusy,  // too many checks wait: nothing is known, try again
};

class AuthSink {
 public:
  virtual void OnAuthResult(AuthResult result) = 0;

 protected:
  ~AuthSink() = default;
};

class Authenticator {
 public:
  static constexpr milliseconds kRefusedFor{1000};
  static constexpr std::size_t kRememberedMax = 4096;

  // Both outlive it.
  Authenticator(WorkerLoop& loop, CredentialVerifier& verifier);

  // nullptr: everyone is let in.
  void SetPolicy(std::shared_ptr<const AuthPolicy> policy);
  const AuthPolicy* policy() const { return policy_.get(); }

  // `value` of the policy's header, "" when it was absent. Nothing: the sink will hear.
  // REQUIRES: policy() != nullptr.
  std::optional<AuthResult> Check(std::string_view value, AuthSink& sink);
  void Forget(AuthSink& sink);

 private:
  using Key = std::array<std::uint8_t, 32>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  using Policy = std::shared_ptr<const AuthPolicy>;
  // Under way: what is asked about, by which policy, and who waits.
  struct Asked {
    Key key;
    Policy policy;
    std::vector<AuthSink*> sinks;
  };
  Key KeyOf(std::string_view value) const;
  std::vector<Asked>::iterator FindAsked(const Key& key, const Policy& policy);
  void OnVerified(const Key& key, const Policy& policy, const AuthPolicy::Proof& proof);

  WorkerLoop& loop_;
  CredentialVerifier& verifier_;
  Policy policy_;
  std::array<std::uint8_t, 32> secret_{};
  std::unordered_map<Key, std::string, KeyHash> accepted_;  // and by what
  std::unordered_map<Key, TimePoint, KeyHash> refused_;     // until when
  std::vector<Asked> asked_;                                // as many as the verifier takes
};

}  // namespace router
