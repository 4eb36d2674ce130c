// SinkConnection: one HTTP/2 server connection of a fake backend. It answers every gRPC request
// with OK and an empty message, and reports the spans it saw. Bodies are looked at while they pass,
// never kept.
//
// Thread safety: one thread.
// Invariants: a request counts, and is answered OK, only once its last byte is here and was valid
// OTLP; anything else is answered INVALID_ARGUMENT and counted as malformed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/load/frame_reader.h"
#include "bench/load/inflate_stream.h"
#include "bench/load/span_ledger.h"
#include "bench/load/span_scanner.h"
#include "bench/load/wire.h"

namespace bench {

// Of one listening address.
struct SinkCounters {
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t spans = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t malformed = 0;
};

// What all connections of one listener share. The references outlive the connections.
struct SinkListener {
  std::size_t index = 0;
  SinkCounters counters;
  SpanLedger* ledger = nullptr;  // null: spans are only counted
  std::uint64_t lose_every =
      0;  // forget every n-th span although it was acknowledged: proves the alarm
};

class SinkConnection final : private FrameVisitor, private SpanObserver {
 public:
  // Takes `fd`, connected and non-blocking, and closes it in the destructor.
  // Without a wire: in plaintext.
  SinkConnection(int fd, SinkListener& listener, std::unique_ptr<Wire> wire = nullptr);
  ~SinkConnection() override;

  void OnReadable(std::span<std::uint8_t> buffer);
  // Writes what is queued; true if the socket would not take all of it.
  bool Flush();

  int fd() const { return fd_; }
  bool closed() const { return closed_; }

 private:
  struct Stream {
    explicit Stream(bool read_ids) : scanner(read_ids) {}
    SpanScanner scanner;
    std::unique_ptr<InflateStream> inflate;  // when the request names an encoding
    std::uint8_t prefix[5] = {};
    std::size_t prefix_bytes = 0;
    std::uint64_t left = 0;  // of the message
    bool valid = true;
    std::uint64_t spans = 0;
    std::vector<std::pair<TraceId, SpanId>> ids;  // with a ledger
  };

  void OnData(const FrameHeader& frame, std::span<const std::uint8_t> payload) override;
  void OnHeaders(const FrameHeader& frame, const std::vector<HeaderField>& fields) override;
  void OnControl(const FrameHeader& frame, std::span<const std::uint8_t> payload) override;
  void OnSpan(const TraceId& trace_id, const SpanId& span_id) override;

  std::unique_ptr<InflateStream> TakeInflater(const std::string& encoding);
  void Take(Stream& stream, std::span<const std::uint8_t> payload);
  bool Scan(Stream& stream, std::span<const std::uint8_t> message);
  void Finish(std::uint32_t stream_id, Stream& stream);

  int fd_;
  std::unique_ptr<Wire> wire_;
  SinkListener& listener_;
  FrameReader reader_{true};
  bool closed_ = false;
  std::uint64_t unacknowledged_bytes_ = 0;
  std::unordered_map<std::uint32_t, Stream> streams_;
  std::vector<std::unique_ptr<InflateStream>> idle_;
  std::string idle_encoding_;
  Stream* current_ = nullptr;  // whose bytes are being scanned
  std::string out_;
};

}  // namespace bench
