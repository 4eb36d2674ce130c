// Http1Client: a client of HTTP/1 that sends the bytes it is given and reads answers one by one.
//
// Driven by hand: Pump() moves what the socket takes and gives, and never blocks.
// Thread safety: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace router::test {

struct Http1Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string Header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class Http1Client {
 public:
  explicit Http1Client(std::uint16_t port, const char* address = "127.0.0.1");
  ~Http1Client();
  Http1Client(const Http1Client&) = delete;
  Http1Client& operator=(const Http1Client&) = delete;

  void Send(std::string_view bytes) { out_ += bytes; }
  void Pump();
  // At most so long.
  void WaitUntilReadable(std::chrono::milliseconds longest);
  // Only the sending half of it; returns how many bytes went.
  std::size_t PumpSending();
  // Ends our side after what has been pumped.
  void EndSending();
  // A reset instead of an end.
  void Abort();

  bool is_open() const { return is_open_; }      // the server has not closed
  bool was_reset() const { return was_reset_; }  // it closed with a reset
  bool has_sent_all() const { return out_.empty(); }
  // All so far, 100 Continue included. An answer counts when its whole body has come.
  const std::vector<Http1Answer>& answers() const { return answers_; }
  // The next answer has no body whatever its length says (HEAD).
  bool is_next_without_body = false;

 private:
  void Parse();

  int socket_;
  std::string out_;
  std::string in_;
  bool is_open_ = true;
  bool was_reset_ = false;
  std::vector<Http1Answer> answers_;
};

// "POST /v1/traces" with a Content-Length and these further fields.
std::string PostTraces(std::string_view body, std::string_view fields = "",
                       std::string_view path = "/v1/traces");

// Of all open connections that this process serves at `port`: the bytes that were read of the one
// of which most were. What lies in the kernel was not read.
std::size_t MostBytesReadAt(std::uint16_t port);

}  // namespace router::test
