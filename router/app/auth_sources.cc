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

// The value itself, or the first line of the file.
Result<std::string> ValueOf(const std::string& value, const std::string& file) {
  if (file.empty()) return value;
  Result<std::string> text = ReadSecretFile(file);
  if (text) text->resize(std::min(text->find_first_of("\r\n"), text->size()));
  return text;
}

Result<std::string> HeaderValue(const Config::Auth& auth) {
  if (auth.kind == Kind::kBasicClient) {
    const Result<std::string> user = ValueOf(auth.user, auth.user_file);
    if (!user) return user;
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

// What is still good of what was, and what has just ceased to be.
template <typename Former, typename Secret, typename IsGood>
std::vector<Former> StillGood(const std::vector<Former>& former, const std::vector<Secret>& ended,
                              TimePoint now, milliseconds grace, const IsGood& is_good) {
  std::vector<Former> kept;
  for (const Former& entry : former) {
    if (now < entry.until) kept.push_back(entry);
  }
  if (grace <= milliseconds(0)) return kept;
  for (const Secret& secret : ended) {
    if (!is_good(secret)) kept.push_back({secret, now + grace});
  }
  return kept;
}

std::vector<TimePoint> EndsOf(const AuthPolicy& policy) {
  std::vector<TimePoint> ends;
  const auto add = [&](const auto& former) {
    for (const auto& entry : former) ends.push_back(entry.until);
  };
  if (const auto* bearer = dynamic_cast<const BearerPolicy*>(&policy)) add(bearer->former());
  if (const auto* basic = dynamic_cast<const BasicPolicy*>(&policy)) add(basic->former());
  return ends;
}

}  // namespace

// ---- receiver ----------------------------------------------------------------------------------

Result<std::shared_ptr<const AuthPolicy>> ReceiverAuth::Make(const Config::Auth& auth,
                                                             TimePoint now) const {
  if (auth.kind == Kind::kBearer) {
    std::vector<std::string> tokens = auth.tokens;
    if (!auth.file.empty()) {
      auto read = ReadTokenFile(auth.file);
      if (!read) return tl::unexpected(read.error());
      tokens = *std::move(read);
    }
    std::vector<BearerPolicy::Former> former;
    if (const auto* before = dynamic_cast<const BearerPolicy*>(policy_.get())) {
      former = StillGood(before->former(), before->tokens(), now, grace_, [&](const auto& token) {
        return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
      });
    }
    return std::make_shared<const BearerPolicy>(
        BearerPolicy::Options{.header = auth.header, .scheme = auth.scheme, .file = auth.file},
        std::move(tokens), std::move(former));
  }
  BasicPolicy::Source source{.file = auth.file, .inline_text = auth.users};
  auto users = ReadUsers(source);
  if (!users) return tl::unexpected(users.error());
  std::vector<BasicPolicy::Former> former;
  if (const auto* before = dynamic_cast<const BasicPolicy*>(policy_.get())) {
    former = StillGood(before->former(), std::vector{before->users()}, now, grace_,
                       [&](const BasicPolicy::Users& old) { return *old == **users; });
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
  const FileSignature file = FileSignature::Of(auth->file);
  auto made = Make(*auth, now);
  if (!made) {
    grace_ = grace_before;
    return Explain(*auth, made.error());
  }
  auth_ = auth;
  file_ = file;
  policy_ = *std::move(made);
  return {};
}

bool ReceiverAuth::Poll(TimePoint now) {
  if (!auth_) return false;
  const FileSignature file = FileSignature::Of(auth_->file);
  const bool has_changed = file != std::exchange(file_, file);
  const std::vector<TimePoint> ends = EndsOf(*policy_);
  const bool has_ended =
      std::any_of(ends.begin(), ends.end(), [now](TimePoint until) { return until <= now; });
  if (!has_changed && !has_ended) return false;
  auto made = Make(*auth_, now);
  if (!made) {
    if (has_changed) {
      spdlog::warn("{}; the former credentials stay",
                   Explain(*auth_, made.error()).value().message);
    }
    return false;
  }
  policy_ = *std::move(made);
  if (has_changed) spdlog::info("extensions.{}: {} was read again", auth_->id, auth_->file);
  return true;
}

// ---- exporter ----------------------------------------------------------------------------------

Result<void> ExporterAuth::Load(const std::optional<Config::Auth>& auth) {
  std::optional<Header> header;
  std::vector<FileSignature> files;
  if (auth) {
    for (const std::string* file : {&auth->file, &auth->user_file, &auth->password_file}) {
      files.push_back(FileSignature::Of(*file));
    }
    auto value = HeaderValue(*auth);
    if (!value) return Explain(*auth, value.error());
    header.emplace(auth->header, *std::move(value));
  }
  auth_ = auth;
  files_ = std::move(files);
  header_ = std::move(header);
  return {};
}

bool ExporterAuth::Poll() {
  if (!auth_) return false;
  std::vector<FileSignature> files;
  for (const std::string* file : {&auth_->file, &auth_->user_file, &auth_->password_file}) {
    files.push_back(FileSignature::Of(*file));
  }
  if (files == files_) return false;
  const std::optional<Header> before = header_;
  if (const Result<void> loaded = Load(auth_); !loaded) {
    files_ = std::move(files);  // said once
    spdlog::warn("{}; the former credentials stay", loaded.error().message);
    return false;
  }
  return header_ != before;
}

}  // namespace router
