// Large uploads without credentials: what the router reads of each is counted inside it, by a
// library that is preloaded (read_counter.cc). SPANRING_UPLOADS says how many; the requirement says
// ten thousand.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>

#include "tests/abuse/abuse_fixture.h"

namespace bench {
namespace {

constexpr std::size_t kUploadBytes = 64u << 20;
constexpr std::uint64_t kReadBytesMax = 64 * 1024;
constexpr std::size_t kAtOnce = 100;

std::size_t Uploads() {
  const char* given = std::getenv("SPANRING_UPLOADS");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 200;
}

// A client that sends what the socket takes, whatever it is told, until the peer closes.
class Upload {
 public:
  Upload(std::uint16_t port, std::string head) : head_(std::move(head)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int room = 256 * 1024;  // enough to pass every bound; more would only take time
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) End();
  }
  ~Upload() { End(); }
  Upload(Upload&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), head_(std::move(other.head_)) {}
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  pollfd Waiting() const {
    return {fd_, static_cast<short>(POLLIN | (sent_ < kUploadBytes ? POLLOUT : 0)), 0};
  }
  bool has_ended() const { return fd_ < 0; }
  const std::string& answer() const { return answer_; }
  void Go(const pollfd& waiting) {
    static const std::string zeros(64 * 1024, '\0');
    if ((waiting.revents & POLLOUT) != 0) {
      const bool is_head = sent_ < head_.size();
      const char* const bytes = is_head ? head_.data() + sent_ : zeros.data();
      const std::size_t size = is_head ? head_.size() - sent_ : zeros.size();
      const ssize_t taken = ::send(fd_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (taken > 0) sent_ += static_cast<std::size_t>(taken);
    }
    if ((waiting.revents & ~POLLOUT) == 0) return;
    std::array<char, 4096> piece;
    const ssize_t size = ::recv(fd_, piece.data(), piece.size(), MSG_DONTWAIT);
    if (size > 0) answer_.append(piece.data(), static_cast<std::size_t>(size));
    if (size == 0 || (size < 0 && errno != EAGAIN)) End();
  }

 private:
  void End() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  int fd_ = -1;
  std::string head_;
  std::size_t sent_ = 0;
  std::string answer_;
};

class UploadsTest : public AbuseTest {
 protected:
  void SetUp() override {
    if (std::string(READ_COUNTER_LIBRARY).empty()) GTEST_SKIP() << "no preloading here";
    setting_.http_keys = ", auth: {authenticator: bearertokenauth/edge}";
    setting_.extension_keys = ", bearertokenauth/edge: {token: a-token}";
    setting_.extensions = ", bearertokenauth/edge";
    setting_.environment = {"LD_PRELOAD=" + std::string(READ_COUNTER_LIBRARY),
                            "READ_COUNTER_FILE=" + CountsPath()};
    AbuseTest::SetUp();
  }
  std::string CountsPath() const { return (scratch_.path() / "counts").string(); }

  // So many at once, until all are closed; none is told anything but 401.
  void SendAll(const std::string& head, std::size_t count) {
    std::vector<Upload> all;
    all.reserve(count);
    for (std::size_t i = 0; i < count; ++i) all.emplace_back(http_port_, head);
    const auto end = std::chrono::steady_clock::now() + kAnswerDeadline;
    std::size_t open = count;
    while (open > 0 && std::chrono::steady_clock::now() < end) {
      std::vector<pollfd> waiting;
      for (const Upload& one : all) waiting.push_back(one.Waiting());
      ::poll(waiting.data(), waiting.size(), 1000);
      open = 0;
      for (std::size_t i = 0; i < count; ++i) {
        if (!all[i].has_ended()) all[i].Go(waiting[i]);
        open += all[i].has_ended() ? 0 : 1;
      }
    }
    EXPECT_EQ(open, 0u) << "not closed in time";
    std::size_t refused = 0;
    for (const Upload& one : all) {
      const bool is_refused = one.answer().rfind("HTTP/1.1 401 ", 0) == 0;
      refused += is_refused ? 1 : 0;
      EXPECT_TRUE(is_refused || one.answer().empty()) << one.answer();
    }
    EXPECT_GT(refused, count / 2) << "who sends on may miss its answer, not most of them";
  }

  // Of each connection to the port of HTTP that was closed since the last call, once there are
  // `count`: the most that was read.
  std::uint64_t MostRead(std::size_t count) {
    const auto end = std::chrono::steady_clock::now() + kAnswerDeadline;
    std::vector<std::uint64_t> read;
    while (std::chrono::steady_clock::now() < end) {
      std::ifstream file(CountsPath());
      read.clear();
      unsigned port = 0;
      std::uint64_t bytes = 0;
      while (file >> port >> bytes) {
        if (port == http_port_) read.push_back(bytes);
      }
      if (read.size() >= seen_ + count) break;
      EXPECT_EQ(spanring_->WaitForExit(milliseconds(20)), std::nullopt);
    }
    EXPECT_EQ(read.size(), seen_ + count) << "connections closed";
    std::uint64_t most = 0;
    for (std::size_t i = seen_; i < read.size(); ++i) most = std::max(most, read[i]);
    seen_ = read.size();
    return most;
  }

 private:
  std::size_t seen_ = 0;
};

// Scenario: uploads of 64 MiB without credentials, of known length, in chunks, announced by
// `Expect`, and over HTTP/2; the clients send on after they were refused.
// Guarantees: each is told 401; at most 64 KiB are read of each (H-05).
TEST_F(UploadsTest, H05LittleIsReadOfThoseWithoutCredentials) {
  const std::string head =
      "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n";
  const std::string length = "Content-Length: " + std::to_string(kUploadBytes) + "\r\n";
  const std::vector<std::string> heads = {head + length + "\r\n",
                                          head + "Transfer-Encoding: chunked\r\n\r\n4000000\r\n",
                                          head + length + "Expect: 100-continue\r\n\r\n"};
  std::uint64_t most = 0;
  const std::size_t uploads = Uploads();
  for (std::size_t sent = 0, round = 0; sent < uploads; ++round) {
    const std::size_t count = std::min(kAtOnce, uploads - sent);
    SendAll(heads[round % heads.size()], count);
    sent += count;
  }
  most = MostRead(uploads);
  EXPECT_LE(most, kReadBytesMax);
  EXPECT_GT(most, 200u) << "nothing was counted";
  report_ = std::to_string(uploads) + " uploads over HTTP/1.1: at most " + std::to_string(most) +
            " bytes read of one";

  const Body large(kUploadBytes);
  const std::size_t of_http2 = std::max<std::size_t>(1, uploads / 4);  // one after the other
  for (std::size_t i = 0; i < of_http2; ++i) {
    const LoadResults results =
        SendBodies(http_port_, {.path = "/v1/traces", .content_type = "application/x-protobuf"},
                   {large}, kAnswerDeadline);
    EXPECT_EQ(Describe(results), "http 401 x 1");
  }
  most = MostRead(of_http2);
  EXPECT_LE(most, kReadBytesMax);
  report_ += "; over HTTP/2: " + std::to_string(most);
}

}  // namespace
}  // namespace bench
