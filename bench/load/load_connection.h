// LoadConnection: one HTTP/2 client connection that keeps a number of OTLP/gRPC requests in flight
// and judges every answer. Bodies are sent by reference: the kernel's copy is the only one.
//
// Thread safety: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "bench/load/client_connection.h"
#include "bench/load/frame_reader.h"
#include "bench/load/load_results.h"
#include "bench/load/request_source.h"
#include "bench/load/wire.h"

namespace bench {

class LoadConnection final : public ClientConnection, private FrameVisitor {
 public:
  struct Options {
    std::uint32_t in_flight = 8;
    std::string encoding = {};      // of the bodies, "gzip" or "zstd"; empty: none
    std::string grpc_timeout = {};  // as on the wire ("10S"); empty: none
    std::string path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    std::string content_type = "application/grpc";
    // What the gRPC prefix says about the size, for a client that lies.
    std::optional<std::uint32_t> announced_bytes = {};
  };

  // Takes `fd`, connected and non-blocking, and closes it in the destructor. The references outlive
  // the connection. Without a wire: in plaintext.
  LoadConnection(int fd, const Options& options, IssueGate& gate, RequestSource& source,
                 LoadResults& results, std::unique_ptr<Wire> wire = nullptr);
  ~LoadConnection() override;

  void OnReadable(std::span<std::uint8_t> buffer) override;
  void Fill() override;
  bool Flush() override;

  int fd() const override { return fd_; }
  bool usable() const override { return !closed_ && peer_streams_max_ > 0; }
  bool closed() const override { return closed_; }
  std::size_t in_flight() const override { return in_flight_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Stream {
    Request request;
    std::uint8_t prefix[5] = {};
    std::size_t sent = 0;  // of prefix + body, queued for writing
    std::int64_t window = 0;
    std::uint32_t queued_segments = 0;
    Clock::time_point start;
    bool answered = false;
    std::string http_status;
    std::string grpc_status;
    std::string grpc_message;
    std::string message;  // the response's DATA
  };
  // Owned bytes, then borrowed ones of a stream's body.
  struct Segment {
    std::string owned;
    std::span<const std::uint8_t> borrowed;
    std::uint32_t stream_id = 0;
  };

  void OnData(const FrameHeader& frame, std::span<const std::uint8_t> payload) override;
  void OnHeaders(const FrameHeader& frame, const std::vector<HeaderField>& fields) override;
  void OnControl(const FrameHeader& frame, std::span<const std::uint8_t> payload) override;

  void OnSettings(std::span<const std::uint8_t> payload);
  void Issue();
  std::string HeaderBlock();
  void PumpBodies();
  bool PumpBody(std::uint32_t stream_id, Stream& stream);
  void Answer(std::uint32_t stream_id, Stream& stream, const std::string& code,
              const std::string& message);
  void Judge(std::uint32_t stream_id, Stream& stream);
  void Drop(std::uint32_t stream_id);
  void Close();
  std::string& ControlBytes();

  int fd_;
  std::unique_ptr<Wire> wire_;
  Options options_;
  IssueGate& gate_;
  RequestSource& source_;
  LoadResults& results_;
  FrameReader reader_{false};
  bool closed_ = false;
  bool settings_seen_ = false;
  bool peer_indexes_ = true;      // the peer keeps a header table of the default size
  bool headers_indexed_ = false;  // our fields are in that table
  std::uint32_t peer_streams_max_ = 0xffffffff;
  std::int64_t peer_initial_window_ = kWindowDefault;
  std::int64_t window_ = kWindowDefault;
  std::uint64_t unacknowledged_bytes_ = 0;
  std::uint32_t next_stream_id_ = 1;
  std::size_t in_flight_ = 0;
  std::unordered_map<std::uint32_t, Stream> streams_;
  std::deque<std::uint32_t> sending_;
  std::deque<Segment> out_;
  std::size_t out_offset_ = 0;  // of the first segment, already written
};

}  // namespace bench
