#include "tests/support/http_get.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace router::test {
namespace {

using Clock = std::chrono::steady_clock;

bool WaitUntilReady(int fd, short events, Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  pollfd watched = {fd, events, 0};
  return left > 0 && ::poll(&watched, 1, static_cast<int>(left)) == 1;
}

class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool Connect(const std::string& address, std::uint16_t port, Clock::time_point until) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    if (::inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1) return false;
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0) return true;
    if (errno != EINPROGRESS || !WaitUntilReady(fd_, POLLOUT, until)) return false;
    int error = 0;
    socklen_t length = sizeof(error);
    return ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0;
  }

  bool SendAll(std::string_view bytes, Clock::time_point until) {
    while (!bytes.empty()) {
      if (!WaitUntilReady(fd_, POLLOUT, until)) return false;
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  bool ReceiveToEnd(std::string& bytes, Clock::time_point until) {
    char buffer[16384];
    for (;;) {
      if (!WaitUntilReady(fd_, POLLIN, until)) return false;
      const ssize_t count = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (count < 0) return false;
      if (count == 0) return true;
      bytes.append(buffer, static_cast<std::size_t>(count));
    }
  }

 private:
  const int fd_;
};

std::string TakeOffChunks(std::string_view body) {
  std::string plain;
  while (!body.empty()) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), size, 16);
    const std::size_t line_end = body.find("\r\n");
    if (error != std::errc() || size == 0 || line_end == std::string_view::npos) break;
    body.remove_prefix(line_end + 2);
    plain.append(body.substr(0, size));
    body.remove_prefix(std::min(body.size(), size + 2));
  }
  return plain;
}

}  // namespace

Result<HttpReply> HttpGet(const std::string& address, std::uint16_t port, std::string_view path,
                          std::chrono::milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  const std::string where = address + ":" + std::to_string(port) + std::string(path);
  Socket socket;
  if (!socket.Connect(address, port, until)) return Failure("cannot connect to " + where);
  const std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nHost: " + address + ":" +
                              std::to_string(port) + "\r\nConnection: close\r\n\r\n";
  std::string answer;
  if (!socket.SendAll(request, until) || !socket.ReceiveToEnd(answer, until)) {
    return Failure("no whole answer in time from " + where);
  }
  const std::size_t head_end = answer.find("\r\n\r\n");
  if (head_end == std::string::npos || answer.size() < 12) return Failure("no HTTP from " + where);
  HttpReply reply;
  reply.status = std::atoi(answer.c_str() + 9);
  reply.head = answer.substr(0, head_end);
  reply.body = answer.substr(head_end + 4);
  std::string lower = reply.head;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower.find("transfer-encoding: chunked") != std::string::npos) {
    reply.body = TakeOffChunks(reply.body);
  }
  return reply;
}

Samples ParsePrometheus(std::string_view text) {
  Samples samples;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t brace = line.rfind('}');
    const std::size_t name_end = brace == std::string_view::npos ? line.find(' ') : brace + 1;
    if (name_end == std::string_view::npos || name_end >= line.size()) continue;
    samples[std::string(line.substr(0, name_end))] =
        std::strtod(std::string(line.substr(name_end)).c_str(), nullptr);
  }
  return samples;
}

double SumOf(const Samples& samples, std::string_view name,
             std::initializer_list<std::string_view> labels) {
  double sum = 0;
  for (auto sample = samples.lower_bound(name); sample != samples.end(); ++sample) {
    const std::string_view key = sample->first;
    if (!key.starts_with(name)) break;
    if (key.size() > name.size() && key[name.size()] != '{') continue;
    const bool has_all = std::all_of(labels.begin(), labels.end(), [key](std::string_view label) {
      return key.find(label) != std::string_view::npos;
    });
    if (has_all) sum += sample->second;
  }
  return sum;
}

}  // namespace router::test
