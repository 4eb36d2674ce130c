// RequestParser: HTTP/1.1 requests out of the bytes of one connection, one after the other.
//
// Boost.Beast reads the request line and the fields; what it forgives and RFC 9112 or caution does
// not is refused here (docs/decisions/0012-otlp-http.md), because two parsers that disagree about
// where a request ends are how requests are smuggled. Pulled: Next() gives one event at a
// time, so whoever drives it may stop between any two.
// Thread safety: its worker only.
// Invariants: how the bytes are cut changes no event except that kData comes in other pieces.
// After kFault nothing more can be read.
// Cost: the head is copied once, into memory that is kept for the next; the body is not.
// Source: rules HS-18, HS-19; RFC 9112.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "router/base/limits.h"
#include "router/http1/chunk_decoder.h"
#include "router/http1/line_scanner.h"
#include "router/transport/http_exchange.h"

namespace router {

class RequestParser {
 public:
  // What stays of the memory for heads between two of them.
  static constexpr std::size_t kKeptTextBytes = 8 * 1024;
  static constexpr std::size_t kKeptFields = 64;

  enum class Event : std::uint8_t {
    kNeedMore,  // `bytes` is used up
    kHead,      // the head is complete: see Head
    kData,      // data()
    kEnd,       // the request is complete; the next byte belongs to another
    kFault,     // fault()
  };
  // Valid until the event after kEnd, or ForgetHead().
  struct Head {
    std::vector<HttpField> fields;  // `:method`, `:path`, then as received, names lower case
    std::string_view method;
    std::optional<std::uint64_t> content_length;
    bool is_chunked = false;
    bool is_keep_alive = false;     // the client would use the connection again
    bool expects_continue = false;  // and waits for 100 before it sends the body
    bool is_http_11 = true;

    bool has_framing() const { return content_length.has_value() || is_chunked; }
  };
  struct Fault {
    int status = 400;
    const char* why = "";
  };

  RequestParser() : scanner_(HeadLimits()) {}

  // Takes from the front of `bytes` what the next event needs.
  Event Next(std::span<const std::uint8_t>& bytes);

  const Head& head() const { return head_; }
  std::span<const std::uint8_t> data() const { return data_; }
  const Fault& fault() const { return fault_; }
  // Of a body with a Content-Length: bytes that are still to come.
  std::uint64_t body_bytes_left() const { return left_; }
  // Gives back what the last head took, if that was much. REQUIRES: is_between_requests().
  void ForgetHead();
  // Memory that the head at hand takes, or the last one has left.
  std::size_t kept_bytes() const {
    return text_.capacity() + head_.fields.capacity() * sizeof(HttpField);
  }
  // Not a byte of a request has come since the last one.
  bool is_between_requests() const { return state_ == State::kHead && scanner_.size() == 0; }

 private:
  enum class State : std::uint8_t { kHead, kLength, kChunks, kFault };

  static LineScanner::Limits HeadLimits();
  Event ReadHead(std::span<const std::uint8_t>& bytes);
  Event JudgeHead();
  Event EndRequest();
  Event Refuse(int status, const char* why);
  // Each: nothing, or the fault.
  std::optional<Fault> JudgeField(const HttpField& field);
  std::optional<Fault> JudgeLength(std::string_view value);
  std::optional<Fault> JudgeTransferEncoding(std::string_view value);
  std::optional<Fault> JudgeTarget(std::string_view* target) const;
  void LowerNames();

  State state_ = State::kHead;
  LineScanner scanner_;
  std::string text_;  // of the head
  Head head_;
  int hosts_ = 0;
  std::uint64_t left_ = 0;
  ChunkDecoder chunks_;
  std::span<const std::uint8_t> data_;
  Fault fault_;
};

}  // namespace router
