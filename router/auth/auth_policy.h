// AuthPolicy: whom a receiver lets in. One is made for every configuration and every change of its
// files, and never changes itself.
//
// After a change of its files the former secrets stay good for a while: UNAUTHENTICATED is final
// for an OTLP client, which drops its data, and not every client changes at the same second.
// Thread safety: immutable; any thread.
// Source: rules H-05, H-06; the Collector's bearertokenauth and basicauth.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "router/auth/htpasswd.h"
#include "router/base/clock.h"
#include "router/base/result.h"

namespace router {

class AuthPolicy {
 public:
  enum class Decision {
    kAccepted,
    kRefused,
    kUnknown,  // only Verify() can tell
  };

  virtual ~AuthPolicy() = default;
  // At once, in constant time for all secrets.
  virtual Decision Decide(std::string_view value, TimePoint now) const = 0;
  // What it was accepted by, to be shown to StillAccepts(); nothing: it is refused. May read a file
  // and take a tenth of a second: not on a worker.
  using Proof = std::optional<std::string>;
  virtual Proof Verify(std::string_view value, TimePoint now) const = 0;
  // Would Verify() accept again what an earlier policy has accepted by `proof`? At once. Of no use
  // for what Decide() knows.
  virtual bool StillAccepts(std::string_view, TimePoint) const { return false; }
  // The same without the former secrets whose time is up; null when there are none.
  virtual std::shared_ptr<const AuthPolicy> WithoutEnded(TimePoint now) const = 0;
  // For `www-authenticate`.
  virtual std::string_view challenge() const = 0;
  // Lower-case name of the header that carries the credentials.
  const std::string& header() const { return header_; }

 protected:
  explicit AuthPolicy(std::string header) : header_(std::move(header)) {}

 private:
  std::string header_;
};

// One of several tokens: `Authorization: Bearer TOKEN`.
class BearerPolicy final : public AuthPolicy {
 public:
  struct Options {
    std::string header = "authorization";  // lower case
    std::string scheme = "Bearer";         // "": the token stands alone
    std::string file = {};                 // where `tokens` are from; "": the configuration
    bool operator==(const Options&) const = default;
  };
  struct Former {
    std::string token;
    TimePoint until;
  };
  BearerPolicy(Options options, std::vector<std::string> tokens, std::vector<Former> former = {});

  Decision Decide(std::string_view value, TimePoint now) const override;
  // A client may have heard of a new secret before us: the file is read again.
  Proof Verify(std::string_view value, TimePoint now) const override;
  std::shared_ptr<const AuthPolicy> WithoutEnded(TimePoint now) const override;
  std::string_view challenge() const override { return options_.scheme; }
  const Options& options() const { return options_; }
  const std::vector<std::string>& tokens() const { return tokens_; }
  // Those whose time is not up.
  std::vector<Former> former(TimePoint now) const;

 private:
  const Options options_;
  const std::vector<std::string> tokens_;
  const std::vector<Former> former_;
};

// A user and a password: `Authorization: Basic BASE64(user:password)`.
class BasicPolicy final : public AuthPolicy {
 public:
  using Users = std::shared_ptr<const Htpasswd>;
  // Where the users are from; the inline ones win.
  struct Source {
    std::string file;
    std::string inline_text;
    bool operator==(const Source&) const = default;
  };
  struct Former {
    Users users;
    TimePoint until;
  };
  BasicPolicy(Source source, Users users, std::vector<Former> former = {});

  Decision Decide(std::string_view value, TimePoint now) const override;
  Proof Verify(std::string_view value, TimePoint now) const override;
  bool StillAccepts(std::string_view proof, TimePoint now) const override;
  std::shared_ptr<const AuthPolicy> WithoutEnded(TimePoint now) const override;
  std::string_view challenge() const override { return "Basic realm=\"spanring\""; }
  const Source& source() const { return source_; }
  const Users& users() const { return users_; }
  // Those whose time is not up.
  std::vector<Former> former(TimePoint now) const;

 private:
  const Source source_;
  const Users users_;
  const std::vector<Former> former_;
};

// The tokens of a file: the first word of every line that has one; the rest is a comment.
// An error says why it cannot be read, or that there is none in it.
Result<std::vector<std::string>> ReadTokenFile(const std::string& path);
// The users of both places together.
Result<BasicPolicy::Users> ReadUsers(const BasicPolicy::Source& source);
// All of a small file.
Result<std::string> ReadSecretFile(const std::string& path);

}  // namespace router
