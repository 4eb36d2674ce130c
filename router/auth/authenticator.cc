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
    : loop_(loop), verifier_(verifier) {}

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

// Those who have been asked about are still told, by the policy they came under.
void Authenticator::SetPolicy(std::shared_ptr<const AuthPolicy> policy) {
  policy_ = std::move(policy);
  RAND_bytes(secret_.data(), static_cast<int>(secret_.size()));
  accepted_.clear();
  refused_.clear();
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
  if (const auto found = asked_.find(key); found != asked_.end()) {
    found->second.push_back(&sink);
    return std::nullopt;
  }
  const bool is_taken = verifier_.Submit(policy_, std::string(value), [this, key](bool is_good) {
    loop_.Post([this, key, is_good] { OnVerified(key, is_good); });
  });
  if (!is_taken) return AuthResult::kBusy;
  asked_.emplace(key, std::vector<AuthSink*>{&sink});
  return std::nullopt;
}

void Authenticator::OnVerified(const Key& key, bool is_good) {
  if (is_good) {
    if (accepted_.size() >= kRememberedMax) accepted_.clear();
    accepted_.insert(key);
  } else {
    if (refused_.size() >= kRememberedMax) refused_.clear();
    refused_.emplace(key, loop_.Now() + kRefusedFor);
  }
  // One by one: what a sink does may end others.
  for (auto found = asked_.find(key); !found->second.empty(); found = asked_.find(key)) {
    AuthSink* sink = found->second.back();
    found->second.pop_back();
    sink->OnAuthResult(is_good ? AuthResult::kAccepted : AuthResult::kRefused);
  }
  asked_.erase(key);
}

void Authenticator::Forget(AuthSink& sink) {
  for (auto& [key, sinks] : asked_) std::erase(sinks, &sink);
}

}  // namespace router
