#include "tests/support/scratch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

namespace router::test {
namespace {

constexpr int kAttemptsMax = 64;

class BoundSocket {
 public:
  // Port 0 asks the kernel for one; port() is 0 when binding failed.
  BoundSocket(const std::string& address, std::uint16_t port)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    if (fd_ < 0 || ::inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1) return;
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) return;
    socklen_t length = sizeof(name);
    if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &length) == 0)
      port_ = ntohs(name.sin_port);
  }
  ~BoundSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  BoundSocket(BoundSocket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), port_(other.port_) {}
  BoundSocket& operator=(BoundSocket&&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

}  // namespace

ScratchDirectory::ScratchDirectory(const std::string& prefix) {
  const char* base = ::getenv("TMPDIR");
  std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/" + prefix + "XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
  }
  path_ = pattern;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  if (!keep_) std::filesystem::remove_all(path_, ignored);
}

Result<std::filesystem::path> ScratchDirectory::Write(const std::string& name,
                                                      const std::string& content) const {
  const std::filesystem::path file = path_ / name;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  if (!out) return Failure("cannot write " + file.string());
  return file;
}

Result<std::uint16_t> PickFreePort(const std::vector<std::string>& addresses,
                                   std::uint16_t preferred) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    std::vector<BoundSocket> bound;
    std::uint16_t port = attempt == 0 ? preferred : std::uint16_t{0};
    for (const std::string& address : addresses) {
      bound.emplace_back(address, port);
      if (bound.back().port() == 0) break;
      port = bound.back().port();
    }
    if (!bound.empty() && bound.back().port() != 0) return port;
  }
  return Failure("found no port that is free on all of the addresses");
}

Result<std::vector<std::uint16_t>> PickFreePorts(std::size_t count) {
  std::vector<BoundSocket> bound;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    bound.emplace_back("127.0.0.1", std::uint16_t{0});
    if (bound.back().port() == 0) return Failure("no free port on 127.0.0.1");
    ports.push_back(bound.back().port());
  }
  return ports;
}

}  // namespace router::test
