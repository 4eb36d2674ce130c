#include "tests/support/http1_client.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>

namespace router::test {

Http1Client::Http1Client(std::uint16_t port, const char* address)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &to.sin_addr);
  is_open_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

Http1Client::~Http1Client() { ::close(socket_); }

std::size_t Http1Client::PumpSending() {
  std::size_t total = 0;
  while (!out_.empty()) {
    const ssize_t sent = ::send(socket_, out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent <= 0) break;
    out_.erase(0, static_cast<std::size_t>(sent));
    total += static_cast<std::size_t>(sent);
  }
  return total;
}

void Http1Client::Pump() {
  PumpSending();
  char buffer[16384];
  while (is_open_) {
    const ssize_t size = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (size > 0) {
      in_.append(buffer, static_cast<std::size_t>(size));
      Parse();
      continue;
    }
    was_reset_ = size < 0;
    is_open_ = false;
  }
}

void Http1Client::WaitUntilReadable(std::chrono::milliseconds longest) {
  pollfd wait{socket_, POLLIN, 0};
  ::poll(&wait, 1, static_cast<int>(longest.count()));
}

void Http1Client::EndSending() { ::shutdown(socket_, SHUT_WR); }

void Http1Client::Abort() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(socket_);
  socket_ = -1;
  is_open_ = false;
}

void Http1Client::Parse() {
  while (true) {
    const std::size_t end = in_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    Http1Answer answer;
    answer.status = std::atoi(in_.c_str() + in_.find(' ') + 1);
    std::size_t at = in_.find("\r\n") + 2;
    while (at < end + 2) {
      const std::size_t line_end = in_.find("\r\n", at);
      const std::size_t colon = in_.find(':', at);
      std::string name = in_.substr(at, colon - at);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      answer.headers[name] = in_.substr(colon + 2, line_end - colon - 2);
      at = line_end + 2;
    }
    const std::string length = answer.Header("content-length");
    const bool has_body = !is_next_without_body && !length.empty();
    const std::size_t size = has_body ? std::strtoul(length.c_str(), nullptr, 10) : 0;
    if (in_.size() < end + 4 + size) return;
    answer.body = in_.substr(end + 4, size);
    in_.erase(0, end + 4 + size);
    is_next_without_body = false;
    answers_.push_back(std::move(answer));
  }
}

std::string PostTraces(std::string_view body, std::string_view fields, std::string_view path) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) +
         (fields.find("ontent-Type") == std::string_view::npos
              ? "Content-Type: application/x-protobuf\r\n"
              : "") +
         "\r\n" + std::string(body);
}

std::size_t MostBytesReadAt(std::uint16_t port) {
  constexpr int kDescriptorsMax = 1024;
  std::size_t most = 0;
  for (int fd = 0; fd < kDescriptorsMax; ++fd) {
    sockaddr_in own{};
    socklen_t size = sizeof own;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) continue;
    tcp_info info{};
    size = sizeof info;
    int unread = 0;
    if (ntohs(own.sin_port) != port || ::ioctl(fd, SIOCINQ, &unread) != 0) continue;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) continue;
    const std::size_t received = info.tcpi_bytes_received;
    most = std::max(most, received - static_cast<std::size_t>(unread));
  }
  return most;
}

}  // namespace router::test
