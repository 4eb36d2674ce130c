#include "router/transport/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "router/transport/record_gatherer.h"
#include "router/transport/tls_session.h"

namespace router {
namespace {

constexpr int kKeepAliveIdleS = 60;
constexpr int kKeepAliveIntervalS = 10;
constexpr int kKeepAliveProbes = 3;
// The same while an answer is unacknowledged, when the kernel sends no keep-alive.
constexpr unsigned kClientTimeoutMs = 90'000;
// Plaintext that becomes ciphertext between two system calls.
constexpr std::size_t kTlsWriteBytes = 4 * TlsSession::kRecordBytesMax;

std::string PeerName(const boost::asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return "unknown";
  const auto address = endpoint.address();
  const std::string port = std::to_string(endpoint.port());
  return address.is_v6() ? "[" + address.to_string() + "]:" + port
                         : address.to_string() + ":" + port;
}

}  // namespace

Transport::Transport(boost::asio::ip::tcp::socket socket)
    : socket_(std::move(socket)), peer_(PeerName(socket_)) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  const int on = 1;
  const int fd = socket_.native_handle();
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A peer that vanished without a word is noticed within a minute and a half.
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepAliveIdleS, sizeof kKeepAliveIdleS);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepAliveIntervalS, sizeof kKeepAliveIntervalS);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kKeepAliveProbes, sizeof kKeepAliveProbes);
}

Transport::Transport(boost::asio::ip::tcp::socket socket, TlsAccept tls)
    : Transport(std::move(socket)) {
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kClientTimeoutMs,
               sizeof kClientTimeoutMs);
  if (tls.context == nullptr) return;
  tls_ = std::make_unique<TlsSession>(std::move(tls.context), std::string());
  gate_ = std::move(tls.gate);
  is_established_ = false;
}

Transport::Transport(boost::asio::ip::tcp::socket socket, TlsContext::Ptr context,
                     const std::string& server_name)
    : Transport(std::move(socket)) {
  if (context == nullptr) return;
  const std::string& override = context->server_name();
  tls_ = std::make_unique<TlsSession>(context, override.empty() ? server_name : override);
  is_established_ = false;
}

Transport::~Transport() = default;
Transport::Transport(Transport&&) noexcept = default;
Transport& Transport::operator=(Transport&&) noexcept = default;

Transport::Outcome Transport::Fail(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return {Status::kBlocked};
  error_ = std::strerror(error);
  return {Status::kFailed};
}

Transport::Outcome Transport::FailTls() {
  error_ = "TLS: " + tls_->error().text;
  return {Status::kFailed};
}

Transport::Outcome Transport::Read(std::span<std::uint8_t> buffer) {
  return tls_ == nullptr ? ReadPlain(buffer) : ReadTls(buffer);
}

Transport::Outcome Transport::ReadPlain(std::span<std::uint8_t> buffer) {
  ssize_t size = 0;
  do {
    size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return Fail(errno);
  if (size == 0) return {Status::kClosed};
  return {Status::kOk, static_cast<std::size_t>(size)};
}

// The ciphertext comes into the end of the buffer and goes, decrypted, to its beginning.
Transport::Outcome Transport::ReadTls(std::span<std::uint8_t> buffer) {
  assert(buffer.size() >= kTlsReadBytesMin);
  const std::size_t cipher_max = (buffer.size() - TlsSession::kRecordBytesMax) / 2;
  const std::span<std::uint8_t> plain = buffer.first(buffer.size() - cipher_max);
  const Outcome outcome = ReadPlain(buffer.last(cipher_max));
  if (outcome.status == Status::kBlocked) return outcome;
  if (outcome.status != Status::kOk) return EndTls(outcome);
  std::size_t size = 0;
  const bool is_good = tls_->Receive(buffer.last(cipher_max).first(outcome.size), plain, &size);
  if (!is_established_ && (tls_->is_established() || !is_good)) slot_.Release(is_good);
  is_established_ = tls_->is_established();
  const Status flushed = Flush();  // the next step of the handshake, or the alert
  if (!is_good) return FailTls();
  if (size > 0) return {Status::kOk, size};  // first: an answer may be in it
  if (flushed == Status::kFailed) return {Status::kFailed};
  return tls_->has_peer_ended() ? EndTls({Status::kClosed}) : Outcome{Status::kBlocked};
}

// The connection has ended: was it the right moment?
Transport::Outcome Transport::EndTls(Outcome outcome) {
  if (!tls_->NoteEnd()) return outcome;
  return FailTls();
}

Transport::Outcome Transport::Write(std::span<const iovec> segments) {
  if (tls_ != nullptr) return WriteTls(segments);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(segments.data());
  message.msg_iovlen = segments.size();
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return Fail(errno);
  return {Status::kOk, static_cast<std::size_t>(sent)};
}

Transport::Outcome Transport::WriteTls(std::span<const iovec> segments) {
  assert(is_established_);
  RecordGatherer gatherer(segments);
  Outcome outcome{Flush()};
  while (outcome.status == Status::kOk && !gatherer.is_empty()) {
    tls_->ReserveOut(std::min(gatherer.bytes_left(), kTlsWriteBytes));
    std::array<std::uint8_t, TlsSession::kRecordBytesMax> scratch;
    for (std::size_t round = 0; round < kTlsWriteBytes && !gatherer.is_empty();) {
      const std::span<const std::uint8_t> record = gatherer.Next(scratch);
      if (!tls_->Encrypt(record)) return FailTls();
      round += record.size();
      outcome.size += record.size();
    }
    outcome.status = Flush();
  }
  const bool is_some_taken = outcome.status == Status::kBlocked && outcome.size > 0;
  return is_some_taken ? Outcome{Status::kOk, outcome.size} : outcome;
}

bool Transport::has_unsent() const { return tls_ != nullptr && !tls_->unsent().empty(); }

Transport::Status Transport::Flush() {
  if (tls_ == nullptr) return Status::kOk;
  const bool is_good = is_established_ || tls_->Begin();
  const int error = SendUnsent();  // also the alert
  if (!is_good) return FailTls().status;
  return error == 0 ? Status::kOk : Fail(error).status;
}

// Returns errno, or 0 when nothing is left.
int Transport::SendUnsent() {
  while (!tls_->unsent().empty()) {
    const std::span<const std::uint8_t> unsent = tls_->unsent();
    const ssize_t sent =
        ::send(socket_.native_handle(), unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno;
    tls_->MarkSent(static_cast<std::size_t>(sent));
  }
  return 0;
}

std::string_view Transport::protocol() const {
  return tls_ == nullptr ? std::string_view() : tls_->protocol();
}

TlsFault Transport::tls_fault() const {
  return tls_ == nullptr ? TlsFault::kNone : tls_->error().fault;
}

void Transport::ShutDownWriting() {
  if (tls_ != nullptr && is_established_) {
    tls_->End();
    SendUnsent();
  }
  boost::system::error_code ignored;
  socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
}

void Transport::Close() {
  slot_.Release();
  if (tls_ != nullptr && is_established_) {
    tls_->End();
    SendUnsent();
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace router
