#include "router/app/closing_sum.h"

#include <fmt/format.h>

namespace router {
namespace {

template <std::size_t kSize>
std::uint64_t Total(const std::array<Counter, kSize>& counters) {
  std::uint64_t sum = 0;
  for (const Counter& counter : counters) sum += counter.Value();
  return sum;
}

}  // namespace

ClosingSum SumOf(const std::vector<const Ledger*>& ledgers, LedgerColumn Ledger::*column) {
  ClosingSum sum;
  for (const Ledger* ledger : ledgers) {
    const LedgerColumn& one = ledger->*column;
    sum.received += one.received.Value();
    sum.forwarded += one.forwarded.Value();
    sum.suppressed += one.suppressed.Value();
    sum.rejected += Total(one.rejected);
    sum.refused += Total(one.refused);
    sum.cancelled += one.cancelled.Value();
    sum.in_flight += one.in_flight.Value();
  }
  return sum;
}

std::string ClosingSum::Text() const {
  return fmt::format(
      "received {} = forwarded {} + suppressed {} + rejected {} + refused {} + cancelled {} + in "
      "flight {}",
      received, forwarded, suppressed, rejected, refused, cancelled, in_flight);
}

}  // namespace router
