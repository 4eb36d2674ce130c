// Htpasswd: users and their password hashes, as Apache's htpasswd writes them.
//
// Takes bcrypt ($2a$, $2b$, $2y$), SHA-crypt ($5$, $6$), MD5 ($apr1$, $1$), {SHA} and {SSHA};
// anything else is a password in plain text, as for the Collector's basicauth.
// Thread safety: immutable after Parse(); any thread.
// Cost: Match() takes what the hash asks for; bcrypt of cost 10 about 60 ms. When it fails, the sum
// over all kinds of hash there are.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "router/base/result.h"

namespace router {

class Htpasswd {
 public:
  // One `user:hash` a line; empty lines and those that begin with # are skipped; the last line of a
  // user wins. An error names the line, never its content.
  static Result<Htpasswd> Parse(std::string_view text);

  // How long a failure takes says nothing of the user: one hash of every kind in the file is made,
  // for those that are known and those that are not. Lines with damaged hashes aside.
  bool Match(std::string_view user, std::string_view password) const;
  // The line of a user, to ask others for; empty when there is none.
  std::string EntryOf(std::string_view user) const;
  bool Has(std::string_view entry) const;
  bool operator==(const Htpasswd&) const = default;
  std::size_t size() const { return hashes_.size(); }

 private:
  std::unordered_map<std::string, std::string> hashes_;
  // One of each kind of these, by kind: a format and what it costs.
  std::map<std::string, std::string> examples_;
};

}  // namespace router
