// EndpointDamping: decides when an answer of the DNS changes the set of members.
//
//   * a new member counts at once;
//   * a member goes after two answers in a row without it;
//   * when that would take more than half of the members, after three;
//   * what is no answer (an error, an empty set, a family that failed) removes nobody, and neither
//     counts as absence nor ends a row of absences.
// So a member that comes and goes with every refresh simply stays (FM-24), and a resolver gone
// wrong needs three refreshes to gut the ring.
//
// Thread safety: none needed, one owner; no clock, no I/O: a pure function of what was fed.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "resolver/endpoint.h"

namespace resolver {

// What one attempt found out. `v4_known` says that the members with IPv4 addresses in `endpoints`
// are all there are; false when that part of the question failed. Likewise `v6_known`.
struct EndpointAnswer {
  EndpointSet endpoints;
  bool v4_known = true;
  bool v6_known = true;
};

class EndpointDamping {
 public:
  static constexpr int kAbsencesToRemove = 2;
  static constexpr int kAbsencesToRemoveMost = 3;

  // Returns the new set when this answer changed it: members, or the address of a member.
  // REQUIRES: answer.endpoints is an EndpointSet.
  std::optional<EndpointSet> Feed(const EndpointAnswer& answer);

  const EndpointSet& current() const { return current_; }

 private:
  // How many of the current members have been missing in `absences` answers or more.
  std::size_t CountAbsent(int absences) const;

  EndpointSet current_;
  std::map<std::string, int> absences_;  // by name; only members of current_ that are missing
};

}  // namespace resolver
