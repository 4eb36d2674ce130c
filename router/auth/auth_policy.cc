#include "router/auth/auth_policy.h"

#include <openssl/evp.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "router/auth/digest.h"
#include "router/base/small_file.h"

namespace router {
namespace {

constexpr std::size_t kCredentialsBytesMax = 4096;

bool HasPrefixIgnoringCase(std::string_view text, std::string_view prefix) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

// What follows the scheme; nothing when it is another scheme.
std::optional<std::string_view> AfterScheme(std::string_view value, std::string_view scheme) {
  if (scheme.empty()) return value;
  if (!HasPrefixIgnoringCase(value, scheme)) return std::nullopt;
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

bool BearerPolicy::Verify(std::string_view value, TimePoint now) const {
  const auto tokens = ReadTokenFile(options_.file);
  if (!tokens) return false;
  Options options = options_;
  options.file.clear();
  return BearerPolicy(std::move(options), *tokens).Decide(value, now) == Decision::kAccepted;
}

std::shared_ptr<const BearerPolicy> BearerPolicy::WithoutEnded(TimePoint now) const {
  return std::make_shared<const BearerPolicy>(options_, tokens_, StillGood(former_, now));
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

bool BasicPolicy::Verify(std::string_view value, TimePoint now) const {
  const auto claimed = ParseBasic(value);
  if (!claimed) return false;
  const auto is_among = [&](const Htpasswd& users) {
    return users.Match(claimed->user, claimed->password);
  };
  if (is_among(*users_)) return true;
  if (std::any_of(former_.begin(), former_.end(), [&](const Former& former) {
        return now < former.until && is_among(*former.users);
      })) {
    return true;
  }
  if (source_.file.empty()) return false;
  const Result<Users> present = ReadUsers(source_);
  return present && **present != *users_ && is_among(**present);
}

std::shared_ptr<const BasicPolicy> BasicPolicy::WithoutEnded(TimePoint now) const {
  return std::make_shared<const BasicPolicy>(source_, users_, StillGood(former_, now));
}

}  // namespace router
