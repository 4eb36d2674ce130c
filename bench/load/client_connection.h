// ClientConnection: one connection of a load generator, whatever it speaks; and what all of them
// ask before they send.
//
// Thread safety: one thread.
// Invariants: every request issued ends once in LoadResults: as ok or under an error code.
// Failure: when the connection ends, what was in flight fails as "closed"; it is not opened again.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

namespace bench {

// The gate all connections of a run share: may another request be issued, and how large may it be?
class IssueGate {
 public:
  virtual ~IssueGate() = default;
  virtual bool MayIssue() = 0;
  virtual std::uint64_t SpansLeft() = 0;  // 0: no bound
  // When the request that is issued now should have begun, by the plan: its latency counts from
  // there, so that a stall is seen by all requests it delayed.
  virtual std::chrono::steady_clock::time_point TakeDue() {
    return std::chrono::steady_clock::now();
  }
  // Whether the latency of a request due then is recorded; no: it was warm-up.
  virtual bool IsMeasured(std::chrono::steady_clock::time_point) const { return true; }
};

class ClientConnection {
 public:
  virtual ~ClientConnection() = default;

  virtual void OnReadable(std::span<std::uint8_t> buffer) = 0;
  // Issues what the gate allows.
  virtual void Fill() = 0;
  // Writes what is queued; true if the socket would not take all of it.
  virtual bool Flush() = 0;

  virtual int fd() const = 0;
  // Whether requests may still be issued here: open and not told to go away.
  virtual bool usable() const = 0;
  virtual bool closed() const = 0;
  virtual std::size_t in_flight() const = 0;
};

}  // namespace bench
