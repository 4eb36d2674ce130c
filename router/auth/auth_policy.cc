#include "router/auth/auth_policy.h"

#include <openssl/evp.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "router/auth/digest.h"
#include "router/base/ascii_text.h"
#include "router/base/small_file.h"

namespace router {
namespace {

constexpr std::size_t kCredentialsBytesMax = 4096;

// What follows the scheme; nothing when it is another scheme.
std::optional<std::string_view> AfterScheme(std::string_view value, std::string_view scheme) {
  if (scheme.empty()) return value;
  if (!IsSameText(value.substr(0, scheme.size()), scheme)) return std::nullopt;
  value.remove_prefix(scheme.size());
  if (!value.starts_with(' ')) return std::nullopt;
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

template <typename Former>
std::vector<Former> StillGood(std::vector<Former> former, TimePoint now) {
  std::erase_if(former, [now](const Former& entry) { return entry.until <= now; });
  return former;
}

struct UserAndPassword {
  std::string user;
  std::string password;
};

std::optional<UserAndPassword> ParseBasic(std::string_view value) {
  const auto encoded = AfterScheme(value, "Basic");
  if (!encoded || encoded->empty() || encoded->size() > kCredentialsBytesMax) return std::nullopt;
  std::string text(encoded->size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(encoded->data()),
                                   static_cast<int>(encoded->size()));
  if (size <= 0) return std::nullopt;
  const auto padding = static_cast<std::size_t>(std::count(
      encoded->end() - std::min<std::ptrdiff_t>(2, std::ssize(*encoded)), encoded->end(), '='));
  text.resize(static_cast<std::size_t>(size) - padding);
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return UserAndPassword{text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

Result<std::string> ReadSecretFile(const std::string& path) {
  Result<std::string> text = ReadSmallFile(path);
  if (!text) return Failure(path + ": " + text.error().message);
  return text;
}

Result<std::vector<std::string>> ReadTokenFile(const std::string& path) {
  const Result<std::string> text = ReadSecretFile(path);
  if (!text) return tl::unexpected(text.error());
  std::vector<std::string> tokens;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    if (std::string word; words >> word) tokens.push_back(std::move(word));
  }
  if (tokens.empty()) return Failure(path + ": there is no token in it");
  return tokens;
}

Result<BasicPolicy::Users> ReadUsers(const BasicPolicy::Source& source) {
  std::string text;
  if (!source.file.empty()) {
    Result<std::string> read = ReadSecretFile(source.file);
    if (!read) return tl::unexpected(read.error());
    text = *std::move(read) + "\n";
  }
  Result<Htpasswd> parsed = Htpasswd::Parse(text + source.inline_text);
  if (!parsed) {
    return Failure((source.file.empty() ? "inline" : source.file) + ": " + parsed.error().message);
  }
  return std::make_shared<const Htpasswd>(*std::move(parsed));
}

// ---- bearer ------------------------------------------------------------------------------------

BearerPolicy::BearerPolicy(Options options, std::vector<std::string> tokens,
                           std::vector<Former> former)
    : AuthPolicy(options.header),
      options_(std::move(options)),
      tokens_(std::move(tokens)),
      former_(std::move(former)) {}

AuthPolicy::Decision BearerPolicy::Decide(std::string_view value, TimePoint now) const {
  const auto token = AfterScheme(value, options_.scheme);
  if (!token || token->empty()) return Decision::kRefused;
  bool is_good = false;
  for (const std::string& good : tokens_) is_good |= IsSameSecret(*token, good);
  for (const Former& good : former_)
    is_good |= IsSameSecret(*token, good.token) && now < good.until;
  if (is_good) return Decision::kAccepted;
  return options_.file.empty() ? Decision::kRefused : Decision::kUnknown;
}

AuthPolicy::Proof BearerPolicy::Verify(std::string_view value, TimePoint now) const {
  const auto tokens = ReadTokenFile(options_.file);
  if (!tokens) return std::nullopt;
  Options options = options_;
  options.file.clear();
  const BearerPolicy present(std::move(options), *tokens);
  if (present.Decide(value, now) != Decision::kAccepted) return std::nullopt;
  return std::string();  // a later policy decides for itself
}

std::vector<BearerPolicy::Former> BearerPolicy::former(TimePoint now) const {
  return StillGood(former_, now);
}

std::shared_ptr<const AuthPolicy> BearerPolicy::WithoutEnded(TimePoint now) const {
  std::vector<Former> rest = former(now);
  if (rest.size() == former_.size()) return nullptr;
  return std::make_shared<const BearerPolicy>(options_, tokens_, std::move(rest));
}

// ---- basic -------------------------------------------------------------------------------------

BasicPolicy::BasicPolicy(Source source, Users users, std::vector<Former> former)
    : AuthPolicy("authorization"),
      source_(std::move(source)),
      users_(std::move(users)),
      former_(std::move(former)) {}

AuthPolicy::Decision BasicPolicy::Decide(std::string_view value, TimePoint) const {
  return AfterScheme(value, "Basic") ? Decision::kUnknown : Decision::kRefused;
}

AuthPolicy::Proof BasicPolicy::Verify(std::string_view value, TimePoint now) const {
  const auto claimed = ParseBasic(value);
  if (!claimed) return std::nullopt;
  const auto proof_of = [&](const Htpasswd& users) {
    const bool is_good = users.Match(claimed->user, claimed->password);
    return is_good ? Proof(users.EntryOf(claimed->user)) : std::nullopt;
  };
  if (Proof proof = proof_of(*users_)) return proof;
  for (const Former& former : former_) {
    if (now >= former.until) continue;
    if (Proof proof = proof_of(*former.users)) return proof;
  }
  if (source_.file.empty()) return std::nullopt;
  const Result<Users> present = ReadUsers(source_);
  return present && **present != *users_ ? proof_of(**present) : std::nullopt;
}

bool BasicPolicy::StillAccepts(std::string_view proof, TimePoint now) const {
  return users_->Has(proof) ||
         std::any_of(former_.begin(), former_.end(), [&](const Former& former) {
           return now < former.until && former.users->Has(proof);
         });
}

std::vector<BasicPolicy::Former> BasicPolicy::former(TimePoint now) const {
  return StillGood(former_, now);
}

std::shared_ptr<const AuthPolicy> BasicPolicy::WithoutEnded(TimePoint now) const {
  std::vector<Former> rest = former(now);
  if (rest.size() == former_.size()) return nullptr;
  return std::make_shared<const BasicPolicy>(source_, users_, std::move(rest));
}

}  // namespace router
