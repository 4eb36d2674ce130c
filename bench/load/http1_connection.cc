#include "bench/load/http1_connection.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace bench {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kNothingRejected("\x0a\0", 2);  // an empty partial_success

// The value of a field; names of servers differ in case. `name` is in lower case.
std::string_view FieldOf(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    bool same = true;
    for (std::size_t i = 0; i < name.size(); ++i) same = same && (line[i] | 0x20) == name[i];
    if (!same) continue;
    const std::size_t value = line.find_first_not_of(' ', name.size() + 1);
    return value == std::string_view::npos ? std::string_view() : line.substr(value);
  }
  return {};
}

}  // namespace

Http1Connection::Http1Connection(int fd, std::unique_ptr<Wire> wire, const std::string& encoding,
                                 IssueGate& gate, RequestSource& source, LoadResults& results)
    : fd_(fd),
      wire_(std::move(wire)),
      encoding_(encoding),
      gate_(gate),
      source_(source),
      results_(results) {}

Http1Connection::~Http1Connection() {
  wire_.reset();
  close(fd_);
}

void Http1Connection::Fill() {
  if (closed_ || is_waiting_ || !gate_.MayIssue()) return;
  request_ = source_.Next(gate_.SpansLeft());
  start_ = gate_.TakeDue();
  is_waiting_ = true;
  ++results_.issued;
  results_.spans_sent += request_.spans;
  head_ =
      "POST /v1/traces HTTP/1.1\r\nhost: spanring.bench\r\nuser-agent: spanring-load-generator\r\n"
      "content-type: application/x-protobuf\r\n";
  if (!encoding_.empty()) head_ += "content-encoding: " + encoding_ + "\r\n";
  head_ += "content-length: " + std::to_string(request_.bytes.size()) + std::string(kHeadEnd);
  sent_ = 0;
}

bool Http1Connection::Flush() {
  const std::size_t total = head_.size() + request_.bytes.size();
  while (!closed_ && is_waiting_ && sent_ < total) {
    std::array<iovec, 2> pieces{};
    std::size_t count = 0;
    if (sent_ < head_.size()) pieces[count++] = {head_.data() + sent_, head_.size() - sent_};
    const std::size_t into_body = sent_ > head_.size() ? sent_ - head_.size() : 0;
    pieces[count++] = {const_cast<std::uint8_t*>(request_.bytes.data()) + into_body,
                       request_.bytes.size() - into_body};  // not written to
    const ssize_t written = wire_->Write({pieces.data(), count});
    if (written <= 0) {
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
      Close();
      return false;
    }
    results_.bytes_sent += static_cast<std::uint64_t>(written);
    sent_ += static_cast<std::size_t>(written);
  }
  return false;
}

void Http1Connection::OnReadable(std::span<std::uint8_t> buffer) {
  const ssize_t got = wire_->Read(buffer);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (got <= 0) return Close();
  in_.append(reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(got));
  while (!closed_ && TakeAnswer()) {
  }
}

bool Http1Connection::TakeAnswer() {
  const std::size_t head_size = in_.find(kHeadEnd);
  if (head_size == std::string::npos) return false;
  const std::string_view head = std::string_view(in_).substr(0, head_size);
  const std::string_view length = FieldOf(head, "content-length");
  std::size_t body_size = 0;
  std::from_chars(length.data(), length.data() + length.size(), body_size);
  const std::size_t size = head_size + kHeadEnd.size() + body_size;
  if (in_.size() < size) return false;
  const std::string status(head.substr(0, head.find('\r')).substr(head.find(' ') + 1, 3));
  const std::string body = in_.substr(size - body_size, body_size);
  const bool closes = FieldOf(head, "connection") == "close";
  in_.erase(0, size);
  if (!is_waiting_) {
    results_.Fail("unasked answer", status);
  } else if (status != "200") {
    Answer("http " + status, body);
  } else if (!body.empty() && body != kNothingRejected) {
    Answer("partial_success", body);
  } else {
    Answer("", "");
  }
  if (closes) Close();
  return true;
}

// An empty code is a plain OK.
void Http1Connection::Answer(const std::string& code, const std::string& message) {
  is_waiting_ = false;
  if (code.empty()) {
    results_.Succeed(request_.spans);
    if (gate_.IsMeasured(start_)) results_.AddLatency(start_);
  } else {
    results_.Fail(code, message);
  }
  const bool whole = sent_ == head_.size() + request_.bytes.size();
  source_.Recycle(std::exchange(request_, {}));
  if (!whole) Close();  // answered early: the rest of the body cannot be taken back
}

void Http1Connection::Close() {
  if (std::exchange(closed_, true)) return;
  if (std::exchange(is_waiting_, false)) results_.Fail("closed", "");
}

}  // namespace bench
