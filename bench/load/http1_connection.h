// Http1Connection: one HTTP/1.1 client connection that sends OTLP/HTTP requests in Protobuf, one at
// a time, and judges every answer.
//
// Thread safety: one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bench/load/client_connection.h"
#include "bench/load/load_results.h"
#include "bench/load/request_source.h"
#include "bench/load/wire.h"

namespace bench {

class Http1Connection final : public ClientConnection {
 public:
  // Takes `fd`, connected and non-blocking, and closes it in the destructor. `encoding` is what the
  // bodies are compressed with, empty: not. The references outlive the connection.
  Http1Connection(int fd, std::unique_ptr<Wire> wire, const std::string& encoding, IssueGate& gate,
                  RequestSource& source, LoadResults& results);
  ~Http1Connection() override;

  void OnReadable(std::span<std::uint8_t> buffer) override;
  void Fill() override;
  bool Flush() override;
  int fd() const override { return fd_; }
  bool usable() const override { return !closed_; }
  bool closed() const override { return closed_; }
  std::size_t in_flight() const override { return is_waiting_ ? 1 : 0; }

 private:
  // Whether `in_` holds a whole answer; then judges it.
  bool TakeAnswer();
  void Answer(const std::string& code, const std::string& message);
  void Close();

  int fd_;
  std::unique_ptr<Wire> wire_;
  std::string encoding_;
  IssueGate& gate_;
  RequestSource& source_;
  LoadResults& results_;
  bool closed_ = false;
  bool is_waiting_ = false;  // for an answer
  Request request_;
  std::chrono::steady_clock::time_point start_;
  std::string head_;      // of the request
  std::size_t sent_ = 0;  // of head and body
  std::string in_;
};

}  // namespace bench
