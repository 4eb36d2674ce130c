// BackendConnection: one HTTP/2 server connection of a fault backend, as bytes. It collects
// requests, and does to the connection what it is told; what is answered is decided elsewhere.
//
// Thread safety: one thread.
// Invariants: a request is announced once, whole; after GOAWAY no stream above its last ID is.
// Failure: a peer that breaks the protocol finds the connection closed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "bench/load/frame_reader.h"
#include "tests/faults/behaviour.h"

namespace faults {

class BackendConnection;

class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  // The body without gzip and framing; empty and `is_readable` false if it was damaged.
  virtual void OnRequest(BackendConnection& connection, std::uint32_t stream_id, std::string body,
                         bool is_readable) = 0;
  // The peer gave up a request that was announced.
  virtual void OnRequestGone(BackendConnection& connection, std::uint32_t stream_id) = 0;
};

class BackendConnection final : private bench::FrameVisitor {
 public:
  // Takes `fd`, connected and non-blocking, and closes it in the destructor.
  BackendConnection(std::uint64_t id, int fd, const Behaviour& behaviour,
                    RequestObserver& observer);
  ~BackendConnection() override;

  std::uint64_t id() const { return id_; }
  int fd() const { return fd_; }
  bool closed() const { return closed_; }
  bool can_answer() const { return !closed_ && !is_half_closed_; }

  void OnReadable(std::span<std::uint8_t> buffer);
  // Writes what is queued; true if the socket would not take all of it.
  bool Flush();

  // Frames to be written; the stream counts as answered.
  std::string& Answer(std::uint32_t stream_id);
  void SendSettings(const Behaviour& behaviour);
  // Graceful: what has begun is finished. Otherwise only what was answered stands.
  void GoAway(bool is_graceful);
  void HalfClose();
  bool is_half_closed() const { return is_half_closed_; }
  // Closes once everything queued is written.
  void CloseAfterFlush() { closes_when_flushed_ = true; }
  // Writes what the socket takes at once, then RST in place of FIN.
  void ResetTcp();

 private:
  struct Stream {
    std::string bytes;
    bool is_gzip = false;
  };

  void OnData(const bench::FrameHeader& frame, std::span<const std::uint8_t> payload) override;
  void OnHeaders(const bench::FrameHeader& frame,
                 const std::vector<bench::HeaderField>& fields) override;
  void OnControl(const bench::FrameHeader& frame, std::span<const std::uint8_t> payload) override;
  void Announce(std::uint32_t stream_id);

  std::uint64_t id_;
  int fd_;
  RequestObserver& observer_;
  bench::FrameReader reader_{true};
  bool closed_ = false;
  bool is_half_closed_ = false;
  bool is_going_away_ = false;
  bool closes_when_flushed_ = false;
  std::uint32_t highest_stream_ = 0;
  std::uint32_t last_stream_ = 0x7fffffff;  // of GOAWAY
  std::uint64_t unacknowledged_bytes_ = 0;
  std::map<std::uint32_t, Stream> streams_;  // arriving
  std::set<std::uint32_t> announced_;        // and not answered
  std::string out_;
};

}  // namespace faults
