#include "router/auth/authenticator.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace router {

Authenticator::Authenticator(WorkerLoop& loop, CredentialVerifier& verifier)
    : loop_(loop), verifier_(verifier) {
  RAND_bytes(secret_.data(), static_cast<int>(secret_.size()));
}

std::size_t Authenticator::KeyHash::operator()(const Key& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

Authenticator::Key Authenticator::KeyOf(std::string_view value) const {
  Key key{};
  HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
       reinterpret_cast<const unsigned char*>(value.data()), value.size(), key.data(), nullptr);
  return key;
}

// Those who have been asked about are still told, by the policy they came under. Who was let in and
// would be again is not asked about anew: a check may take a tenth of a second.
void Authenticator::SetPolicy(std::shared_ptr<const AuthPolicy> policy) {
  policy_ = std::move(policy);
  refused_.clear();
  std::erase_if(accepted_, [this](const auto& entry) {
    return policy_ == nullptr || !policy_->StillAccepts(entry.second, loop_.Now());
  });
}

std::vector<Authenticator::Asked>::iterator Authenticator::FindAsked(const Key& key,
                                                                     const Policy& policy) {
  return std::find_if(asked_.begin(), asked_.end(), [&](const Asked& asked) {
    return asked.key == key && asked.policy == policy;
  });
}

std::optional<AuthResult> Authenticator::Check(std::string_view value, AuthSink& sink) {
  if (value.empty()) return AuthResult::kRefused;
  const TimePoint now = loop_.Now();
  switch (policy_->Decide(value, now)) {
    case AuthPolicy::Decision::kAccepted:
      return AuthResult::kAccepted;
    case AuthPolicy::Decision::kRefused:
      return AuthResult::kRefused;
    case AuthPolicy::Decision::kUnknown:
      break;
  }
  const Key key = KeyOf(value);
  if (accepted_.contains(key)) return AuthResult::kAccepted;
  if (const auto found = refused_.find(key); found != refused_.end()) {
    if (now < found->second) return AuthResult::kRefused;
    refused_.erase(found);
  }
  if (const auto found = FindAsked(key, policy_); found != asked_.end()) {
    found->sinks.push_back(&sink);
    return std::nullopt;
  }
  const bool is_taken = verifier_.Submit(
      policy_, std::string(value), [this, key, policy = policy_](AuthPolicy::Proof proof) {
        loop_.Post(
            [this, key, policy, proof = std::move(proof)] { OnVerified(key, policy, proof); });
      });
  if (!is_taken) return AuthResult::kBusy;
  asked_.push_back({key, policy_, {&sink}});
  return std::nullopt;
}

void Authenticator::OnVerified(const Key& key, const Policy& policy,
                               const AuthPolicy::Proof& proof) {
  const bool is_present = policy == policy_;
  if (proof && policy_ != nullptr && (is_present || policy_->StillAccepts(*proof, loop_.Now()))) {
    if (accepted_.size() >= kRememberedMax) accepted_.clear();
    accepted_.insert_or_assign(key, *proof);
  } else if (!proof && is_present) {
    if (refused_.size() >= kRememberedMax) refused_.clear();
    refused_.emplace(key, loop_.Now() + kRefusedFor);
  }
  // One by one: what a sink does may end others, or ask.
  auto found = FindAsked(key, policy);
  for (; !found->sinks.empty(); found = FindAsked(key, policy)) {
    AuthSink* sink = found->sinks.back();
    found->sinks.pop_back();
    sink->OnAuthResult(proof ? AuthResult::kAccepted : AuthResult::kRefused);
  }
  asked_.erase(found);
}

void Authenticator::Forget(AuthSink& sink) {
  for (Asked& asked : asked_) std::erase(asked.sinks, &sink);
}

}  // namespace router
