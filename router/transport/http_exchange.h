// One HTTP request and its answer, without the version of HTTP that carries them.
//
// StreamHandler reads the request as it arrives; HttpResponder takes the answer, at once or later.
// Every connection of ours, HTTP/1.1 or HTTP/2, makes a handler per request and gives it a
// responder.
// Thread safety: its worker only.
// Invariants: a handler hears OnReset() or has answered, never both; after either it hears
// nothing more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace router {

struct HttpField {
  std::string_view name;  // lower case
  std::string_view value;
};

inline constexpr std::size_t kAnswerFieldsMax = 32;

// What reads one request. Created when it begins; destroyed after it has ended.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // One header of the request, `:method` and `:path` included and first; names are lower case. The
  // views die with the call.
  virtual void OnHeader(std::string_view name, std::string_view value) = 0;
  virtual void OnHeadersEnd() = 0;
  virtual void OnData(std::span<const std::uint8_t> bytes) = 0;
  // The client has sent everything.
  virtual void OnRequestEnd() = 0;
  // The client reset the stream or the connection died before the answer was complete.
  virtual void OnReset() = 0;
  // HTTP/1 only, at any point: this is no request, or cannot be read further. It is to be answered
  // with `status` at once; the connection ends after that.
  virtual void OnFault(int status, std::string_view why) {
    static_cast<void>(status);
    static_cast<void>(why);
  }
};

// The answering side of one request.
// Ownership: the connection's; valid until the handler is destroyed.
class HttpResponder {
 public:
  // The whole answer, once. `fields` are copied; length, date and connection are added by the
  // callee. Before the request has ended, the rest of it is refused.
  // REQUIRES: fields.size() <= kAnswerFieldsMax.
  virtual void Respond(int status, std::span<const HttpField> fields, std::string body) = 0;
  // True: no more of the body should be read than has been, until false; then it goes on.
  virtual void HoldBody(bool is_held) = 0;
  virtual const std::string& peer() const = 0;

 protected:
  ~HttpResponder() = default;
};

}  // namespace router
