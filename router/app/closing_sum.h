// ClosingSum: one column of the ledger over all workers, as the process states it at its end
// (invariant I4).
// Thread safety: reads counters that others may write; exact once the workers have stopped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "router/forward/ledger.h"

namespace router {

struct ClosingSum {
  std::uint64_t received = 0;
  std::uint64_t forwarded = 0;
  std::uint64_t suppressed = 0;
  std::uint64_t rejected = 0;
  std::uint64_t refused = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t in_flight = 0;

  // Is everything accounted for? `is_cut_off`: the patience of the drain ended before the requests
  // did; only then may some be in flight.
  bool Closes(bool is_cut_off) const {
    return received == forwarded + suppressed + rejected + refused + cancelled + in_flight &&
           (is_cut_off || in_flight == 0);
  }
  // "received 7 = forwarded 7 + suppressed 0 + …"
  std::string Text() const;
};

ClosingSum SumOf(const std::vector<const Ledger*>& ledgers, LedgerColumn Ledger::*column);

}  // namespace router
