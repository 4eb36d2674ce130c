// Http1Connection: the server side of one connection of HTTP/1.1 or 1.0.
//
// One request at a time: while one waits for its answer nothing more is read, and what has been
// read already is kept. A request that is answered before its body has come: a short rest is read
// and dropped and the connection goes on; else it says `Connection: close`, and closes after the
// client has had time to read the answer; of a long rest next to nothing is read.
// Thread safety: its worker only.
// Ownership: held by its acceptor and by a pending wait on the socket.
// Invariants: answers go out in the order of the requests; every request is answered or hears
// OnReset(). Bytes kept are charged to the memory budget. Idle, it holds no handler and little of
// the last head (RequestParser::ForgetHead).
// Failure: what is no request is answered by the handler, OnFault(); then the connection ends.
// Source: rules HS-18, HS-19, A-12, H-05; RFC 9112.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "router/base/body.h"
#include "router/base/clock.h"
#include "router/base/limits.h"
#include "router/http1/request_parser.h"
#include "router/transport/channel.h"
#include "router/transport/http_exchange.h"

namespace router {

class Http1Connection;

// Makes the handler of each request. Outlives the connection.
class Http1Acceptor {
 public:
  virtual ~Http1Acceptor() = default;
  virtual std::unique_ptr<StreamHandler> NewRequest(HttpResponder& responder) = 0;
  // Once per connection; drop your reference here.
  virtual void OnConnectionClosed(Http1Connection& connection, std::string_view reason) = 0;
};

struct Http1Options {
  milliseconds header_timeout{10'000};  // from the first byte of a request to the end of its head
  milliseconds read_timeout{0};        // from there to the end of its body; 0: only its pace counts
  milliseconds idle_timeout{300'000};  // between requests
  milliseconds pace_window = kBodyRateWindow;  // a body's pace is looked at so often
  bool is_keep_alive = true;                   // false: one request per connection
  bool asks_credentials = false;  // little is read of a request before it is let in (H-05)
};

class Http1Connection final : public Channel, private HttpResponder {
 public:
  // `acceptor` outlives the connection. `first_bytes` were read from the transport already.
  static std::shared_ptr<Http1Connection> Start(WorkerLoop& loop, MemoryAccount& memory,
                                                Transport transport, Http1Acceptor& acceptor,
                                                const Http1Options& options,
                                                std::span<const std::uint8_t> first_bytes = {});
  ~Http1Connection() override;

  // From now on every answer says `Connection: close`.
  void AnnounceShutDown() override { is_draining_ = true; }
  // An idle connection closes, unless a request has just arrived.
  void ShutDown() override;

  const std::string& peer() const override { return Channel::peer(); }

 private:
  enum class State : std::uint8_t {
    kHead,        // of the next request
    kBody,        // goes to the handler
    kAnswering,   // the request is whole; its answer is not known yet
    kDiscarding,  // answered; the rest of the body goes nowhere
    kLingering,   // answered for the last time; waits for the client to close
  };

  Http1Connection(WorkerLoop& loop, MemoryAccount& memory, Transport transport,
                  Http1Acceptor& acceptor, const Http1Options& options);
  void OnBytes(std::span<const std::uint8_t> bytes) override;
  void Gather() override {}
  void OnAllWritten() override;
  void OnClosed(std::string_view reason) override;
  void Respond(int status, std::span<const HttpField> fields, std::string body) override;
  void HoldBody(bool is_held) override;

  // Handles events until there are no more, or none may be handled now. Returns what is left.
  std::span<const std::uint8_t> Parse(std::span<const std::uint8_t> bytes);
  bool MayParse() const;
  void Handle(RequestParser::Event event, bool has_more_bytes);
  void BeginRequest(bool has_more_bytes);
  void WriteContinue();
  void TakeData();
  void Fault(const RequestParser::Fault& fault);
  void NextRequest();
  void ForgetRequest();
  bool MayReadRest() const;
  bool MayDiscardMore() const;
  bool IsUnknownClient() const { return options_.asks_credentials && !is_let_in_; }
  bool IsIdle();
  void WatchPace();
  void CheckPace();
  void Linger();
  void Keep(std::span<const std::uint8_t> bytes);
  void TakeUpKept();
  void Write(std::string_view text);
  void OnTimeout();

  Http1Acceptor& acceptor_;
  const Http1Options options_;
  RequestParser parser_;
  State state_ = State::kHead;
  bool is_answered_ = true;  // the request at hand, if any
  bool has_head_begun_ = false;
  bool is_head_request_ = false;
  bool is_draining_ = false;      // the next answer is the last
  bool is_shut_down_ = false;     // and without a request there is nothing to wait for
  bool is_closing_ = false;       // after the answer to the request at hand
  bool is_continue_due_ = false;  // the client waits for 100 before it sends the body
  bool is_held_ = false;          // the body, by its handler
  bool was_held_ = false;         // until a moment ago
  bool has_ended_writing_ = false;
  bool is_let_in_ = false;     // a part of the body went to the handler
  bool is_rest_long_ = false;  // of a refused body: longer than is read for the client's sake
  std::size_t discarded_bytes_ = 0;
  std::size_t pace_bytes_ = 0;  // of the body, since the last look at its pace
  TimePoint body_until_{};
  Body kept_;  // bytes that were read too early; nothing is read while there are any
  std::size_t kept_position_ = 0;
  std::string answer_;                      // scratch
  std::unique_ptr<StreamHandler> handler_;  // of the last request until its answer is written
  // What it waits for, by state: the head or the next request, the body's pace, the client's end.
  MemberTimer<Http1Connection, &Http1Connection::OnTimeout> timer_{*this};
};

}  // namespace router
