#include "router/app/auth_sources.h"

#include <openssl/evp.h>

#include <algorithm>

#include "router/base/log.h"

namespace router {
namespace {

using Kind = Config::Auth::Kind;

tl::unexpected<Error> Explain(const Config::Auth& auth, const Error& error) {
  return Failure("extensions." + auth.id + ": " + error.message);
}

std::string Base64(const std::string& text) {
  std::string encoded((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return encoded;
}

// The value itself, or the first line of the file, which must not be empty: perhaps it is just
// being written.
Result<std::string> ValueOf(const std::string& value, const std::string& file) {
  if (file.empty()) return value;
  Result<std::string> text = ReadSecretFile(file);
  if (!text) return text;
  text->resize(std::min(text->find_first_of("\r\n"), text->size()));
  if (text->empty()) return Failure(file + ": its first line is empty");
  return text;
}

Result<std::string> HeaderValue(const Config::Auth& auth) {
  if (auth.kind == Kind::kBasicClient) {
    const Result<std::string> user = ValueOf(auth.user, auth.user_file);
    if (!user) return user;
    if (user->find(':') != std::string::npos) {
      return Failure((auth.user_file.empty() ? "client_auth.username" : auth.user_file) +
                     ": a user has no colon");
    }
    const Result<std::string> password = ValueOf(auth.password, auth.password_file);
    if (!password) return password;
    return "Basic " + Base64(*user + ":" + *password);
  }
  std::string token = auth.tokens.empty() ? "" : auth.tokens.front();
  if (!auth.file.empty()) {
    const auto tokens = ReadTokenFile(auth.file);
    if (!tokens) return tl::unexpected(tokens.error());
    token = tokens->front();
  }
  return auth.scheme.empty() ? token : auth.scheme + " " + token;
}

}  // namespace

// ---- receiver ----------------------------------------------------------------------------------

ReceiverAuth::Made ReceiverAuth::Make(const Config::Auth& auth, TimePoint now) const {
  return auth.kind == Kind::kBearer ? MakeBearer(auth, now) : MakeBasic(auth, now);
}

ReceiverAuth::Made ReceiverAuth::MakeBearer(const Config::Auth& auth, TimePoint now) const {
  std::vector<std::string> tokens = auth.tokens;
  if (!auth.file.empty()) {
    auto read = ReadTokenFile(auth.file);
    if (!read) return tl::unexpected(read.error());
    tokens = *std::move(read);
  }
  BearerPolicy::Options options{.header = auth.header, .scheme = auth.scheme, .file = auth.file};
  std::vector<BearerPolicy::Former> former;
  if (const auto* before = dynamic_cast<const BearerPolicy*>(policy_.get())) {
    if (before->tokens() == tokens && before->options() == options) return policy_;
    former = before->former(now);
    for (const std::string& token : before->tokens()) {
      const bool is_good = std::find(tokens.begin(), tokens.end(), token) != tokens.end();
      if (!is_good && grace_ > milliseconds(0)) former.push_back({token, now + grace_});
    }
  }
  return std::make_shared<const BearerPolicy>(std::move(options), std::move(tokens),
                                              std::move(former));
}

ReceiverAuth::Made ReceiverAuth::MakeBasic(const Config::Auth& auth, TimePoint now) const {
  BasicPolicy::Source source{.file = auth.file, .inline_text = auth.users};
  auto users = ReadUsers(source);
  if (!users) return tl::unexpected(users.error());
  std::vector<BasicPolicy::Former> former;
  if (const auto* before = dynamic_cast<const BasicPolicy*>(policy_.get())) {
    const bool is_same = *before->users() == **users;
    if (is_same && before->source() == source) return policy_;
    former = before->former(now);
    if (!is_same && grace_ > milliseconds(0)) former.push_back({before->users(), now + grace_});
  }
  return std::make_shared<const BasicPolicy>(std::move(source), *std::move(users),
                                             std::move(former));
}

Result<void> ReceiverAuth::Load(const std::optional<Config::Auth>& auth, milliseconds grace,
                                TimePoint now) {
  if (!auth) {
    auth_.reset();
    policy_.reset();
    return {};
  }
  const milliseconds grace_before = std::exchange(grace_, grace);
  FileWatch watch;
  watch.Watch({auth->file});
  auto made = Make(*auth, now);
  if (!made) {
    grace_ = grace_before;
    return Explain(*auth, made.error());
  }
  auth_ = auth;
  watch_ = std::move(watch);
  policy_ = *std::move(made);
  return {};
}

bool ReceiverAuth::Poll(TimePoint now) {
  if (!auth_) return false;
  const bool has_dropped = DropEnded(now);
  if (!watch_.HasChanged()) return has_dropped;
  auto made = Make(*auth_, now);
  if (!made) {
    if (watch_.IsNews()) {
      spdlog::warn("{}; the former credentials stay",
                   Explain(*auth_, made.error()).value().message);
    }
    return has_dropped;
  }
  watch_.MarkRead();
  spdlog::info("extensions.{}: {} was read again", auth_->id, auth_->file);
  const bool is_other = *made != policy_;
  policy_ = *std::move(made);
  return is_other || has_dropped;
}

// Whoever is remembered as let in by a former secret is forgotten with the policy.
bool ReceiverAuth::DropEnded(TimePoint now) {
  auto rest = policy_->WithoutEnded(now);
  if (rest == nullptr) return false;
  policy_ = std::move(rest);
  return true;
}

// ---- exporter ----------------------------------------------------------------------------------

Result<void> ExporterAuth::Load(const std::optional<Config::Auth>& auth) {
  std::optional<Header> header;
  FileWatch watch;
  if (auth) {
    watch.Watch({auth->file, auth->user_file, auth->password_file});
    auto value = HeaderValue(*auth);
    if (!value) return Explain(*auth, value.error());
    header.emplace(auth->header, *std::move(value));
  }
  auth_ = auth;
  watch_ = std::move(watch);
  header_ = std::move(header);
  return {};
}

bool ExporterAuth::Poll() {
  if (!auth_ || !watch_.HasChanged()) return false;
  auto value = HeaderValue(*auth_);
  if (!value) {
    if (watch_.IsNews()) {
      spdlog::warn("{}; the former credentials stay",
                   Explain(*auth_, value.error()).value().message);
    }
    return false;
  }
  watch_.MarkRead();
  return std::exchange(header_->second, *value) != *value;
}

// ---- validate ----------------------------------------------------------------------------------

std::vector<std::string> FindAuthTrouble(const Config& config) {
  std::vector<std::string> trouble;
  const auto note = [&](const Result<void>& loaded) {
    const bool is_news = !loaded && std::find(trouble.begin(), trouble.end(),
                                              loaded.error().message) == trouble.end();
    if (is_news) trouble.push_back(loaded.error().message);
  };
  const milliseconds grace = config.auth_rotation.grace;
  note(ReceiverAuth().Load(config.receiver.auth, grace, Clock::now()));
  note(ReceiverAuth().Load(config.receiver.http.auth, grace, Clock::now()));
  note(ExporterAuth().Load(config.exporter.auth));
  return trouble;
}

}  // namespace router
