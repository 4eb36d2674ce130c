// read_counter: preloaded into a program (LD_PRELOAD), writes down how many bytes it has read of
// each connection it accepted: a line "PORT BYTES" when the connection is closed, PORT being the
// local one, at the end of the file that READ_COUNTER_FILE names.
//
// Thread safety: any thread, as the calls it stands in for.
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr int kFdsMax = 1 << 17;
// By descriptor: the bytes read and one; 0: not accepted.
std::array<std::atomic<std::uint64_t>, kFdsMax> counts;

template <typename Call>
Call Real(const char* name) {
  return reinterpret_cast<Call>(::dlsym(RTLD_NEXT, name));
}

int Note(int fd) {
  if (fd >= 0 && fd < kFdsMax) counts[static_cast<std::size_t>(fd)] = 1;
  return fd;
}

ssize_t Count(int fd, ssize_t size, int flags) {
  if (size <= 0 || fd < 0 || fd >= kFdsMax || (flags & MSG_PEEK) != 0) return size;
  auto& count = counts[static_cast<std::size_t>(fd)];
  if (count > 0) count += static_cast<std::uint64_t>(size);
  return size;
}

void Report(int fd, std::uint64_t bytes) {
  static const int file =
      ::open(std::getenv("READ_COUNTER_FILE"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  std::array<char, 64> line{};
  const int length = std::snprintf(line.data(), line.size(), "%u %llu\n",
                                   static_cast<unsigned>(ntohs(address.sin_port)),
                                   static_cast<unsigned long long>(bytes));
  if (::write(file, line.data(), static_cast<std::size_t>(length)) != length) std::abort();
}

}  // namespace

extern "C" {

int accept(int fd, sockaddr* address, socklen_t* size) {
  static const auto real = Real<int (*)(int, sockaddr*, socklen_t*)>("accept");
  return Note(real(fd, address, size));
}

int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  static const auto real = Real<int (*)(int, sockaddr*, socklen_t*, int)>("accept4");
  return Note(real(fd, address, size, flags));
}

ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  static const auto real = Real<ssize_t (*)(int, void*, size_t, int)>("recv");
  return Count(fd, real(fd, bytes, size, flags), flags);
}

ssize_t __recv_chk(int fd, void* bytes, size_t size, size_t, int flags) {
  return recv(fd, bytes, size, flags);
}

int close(int fd) {
  static const auto real = Real<int (*)(int)>("close");
  if (fd >= 0 && fd < kFdsMax) {
    const std::uint64_t count = counts[static_cast<std::size_t>(fd)].exchange(0);
    if (count > 0) Report(fd, count - 1);
  }
  return real(fd);
}
}
