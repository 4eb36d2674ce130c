// ApiRequest: one GET at the API server, over a connection of its own: name, TCP, TLS, token,
// answer.
//
// The server must have a certificate of an authority in `ca_file`, for the name or address that is
// asked. Every step has a deadline. The body is handed on as it comes; who reads it bounds it.
//
// Thread safety: one thread, that of the io_context.
// Ownership: borrows io_context and reader, which outlive it. Destroying it ends it, also from
// within a call of the reader; nothing is called after that, nor from inside the constructor.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "resolver/kubernetes_options.h"
#include "resolver/outcome.h"

namespace resolver {

struct ApiFailure {
  Outcome outcome = Outcome::kOther;
  std::string detail;  // for a person; no secret
};

class ApiRequest {
 public:
  class Reader {
   public:
    virtual ~Reader() = default;
    // First. `retry_after` is what the server asks for, zero without a wish.
    virtual void OnHead(unsigned status, std::chrono::seconds retry_after) = 0;
    virtual void OnBody(std::string_view bytes) = 0;
    // Last, one of them: the body is whole, or will never be.
    virtual void OnEnd() = 0;
    virtual void OnFailure(const ApiFailure& failure) = 0;
  };

  struct Limits {
    std::chrono::milliseconds connect{};  // each of TCP and TLS
    std::chrono::milliseconds head{};     // until the head of the answer
    std::chrono::milliseconds silence{};  // without a byte of the body
  };

  ApiRequest(boost::asio::io_context& io, const ApiServer& server, const std::string& target,
             const Limits& limits, Reader& reader);
  ApiRequest(const ApiRequest&) = delete;
  ApiRequest& operator=(const ApiRequest&) = delete;
  ~ApiRequest();

 private:
  class Session;
  std::shared_ptr<Session> session_;
};

}  // namespace resolver
