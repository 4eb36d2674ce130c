// Where credentials come from while the process runs: the configuration, and files that change.
//
// ReceiverAuth makes the policy of one receiver, ExporterAuth the header of the exporter. Both are
// loaded when a configuration is taken over and polled once a second; a file that has become
// unreadable changes nothing but the log.
// Thread safety: control thread only; what they give out is immutable.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "router/app/config.h"
#include "router/app/file_signature.h"
#include "router/auth/auth_policy.h"
#include "router/base/clock.h"
#include "router/base/result.h"

namespace router {

class ReceiverAuth {
 public:
  // From now on this; nothing: everyone is let in. What was good before stays good for `grace`. An
  // error names the extension, the file and the reason; nothing has changed then.
  Result<void> Load(const std::optional<Config::Auth>& auth, milliseconds grace, TimePoint now);
  // Looks whether the file has changed. True: policy() is another one.
  bool Poll(TimePoint now);
  const std::shared_ptr<const AuthPolicy>& policy() const { return policy_; }

 private:
  Result<std::shared_ptr<const AuthPolicy>> Make(const Config::Auth& auth, TimePoint now) const;

  std::optional<Config::Auth> auth_;
  milliseconds grace_{};
  FileSignature file_;
  std::shared_ptr<const AuthPolicy> policy_;
};

class ExporterAuth {
 public:
  using Header = std::pair<std::string, std::string>;

  Result<void> Load(const std::optional<Config::Auth>& auth);
  bool Poll();
  const std::optional<Header>& header() const { return header_; }

 private:
  std::optional<Config::Auth> auth_;
  std::vector<FileSignature> files_;
  std::optional<Header> header_;
};

}  // namespace router
