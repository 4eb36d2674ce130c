// Where credentials come from while the process runs: the configuration, and files that change.
//
// ReceiverAuth makes the policy of one receiver, ExporterAuth the header of the exporter. Both are
// loaded when a configuration is taken over and polled once a second; a file that cannot be read
// changes nothing but the log, once, and is tried again at every poll.
// Thread safety: control thread only; what they give out is immutable.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "router/app/config.h"
#include "router/app/file_watch.h"
#include "router/auth/auth_policy.h"
#include "router/base/clock.h"
#include "router/base/result.h"

namespace router {

class ReceiverAuth {
 public:
  // From now on this; nothing: everyone is let in. What was good before stays good for `grace`. An
  // error names the extension, the file and the reason; nothing has changed then.
  Result<void> Load(const std::optional<Config::Auth>& auth, milliseconds grace, TimePoint now);
  // Looks whether the file has changed, and whether the time of a former secret is up. True:
  // policy() is another one. As long as the secrets are the same, it is the same policy.
  bool Poll(TimePoint now);
  const std::shared_ptr<const AuthPolicy>& policy() const { return policy_; }

 private:
  using Made = Result<std::shared_ptr<const AuthPolicy>>;

  // The present policy where nothing differs.
  Made Make(const Config::Auth& auth, TimePoint now) const;
  Made MakeBearer(const Config::Auth& auth, TimePoint now) const;
  Made MakeBasic(const Config::Auth& auth, TimePoint now) const;
  bool DropEnded(TimePoint now);

  std::optional<Config::Auth> auth_;
  milliseconds grace_{};
  FileWatch watch_;
  std::shared_ptr<const AuthPolicy> policy_;
};

// As whom backends are called; a user with a colon is refused, as no server could tell where it
// ends.
class ExporterAuth {
 public:
  using Header = std::pair<std::string, std::string>;

  Result<void> Load(const std::optional<Config::Auth>& auth);
  bool Poll();
  const std::optional<Header>& header() const { return header_; }

 private:
  std::optional<Config::Auth> auth_;
  FileWatch watch_;
  std::optional<Header> header_;
};

// What would keep the authenticators of `config` from working here and now, a sentence each, none
// twice: for `validate`.
std::vector<std::string> FindAuthTrouble(const Config& config);

}  // namespace router
