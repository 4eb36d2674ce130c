#include "resolver/ares_channel.h"

#include <ares.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <map>
#include <optional>
#include <span>
#include <utility>

namespace resolver {
namespace asio = boost::asio;
namespace {

// What a UDP answer may measure: fits every path without fragments.
constexpr int kUdpPayloadBytes = 1232;

Outcome OutcomeOfStatus(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return Outcome::kSuccess;
    case ARES_ENODATA:
      return Outcome::kNoData;
    case ARES_ENOTFOUND:
      return Outcome::kNxDomain;
    case ARES_ESERVFAIL:
      return Outcome::kServFail;
    case ARES_EREFUSED:
      return Outcome::kRefused;
    case ARES_ETIMEOUT:
      return Outcome::kTimeout;
    case ARES_EBADRESP:
    case ARES_EFORMERR:
      return Outcome::kMalformed;
    case ARES_ECONNREFUSED:
      return Outcome::kConnectionRefused;
    default:
      return Outcome::kOther;
  }
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) {
    text.append(text.empty() ? "" : ",").append(part);
  }
  return text;
}

bool IsStream(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

}  // namespace

// Everything the channel's handlers touch; they hold it weakly, so that the end of the AresChannel
// is the end of them.
class AresChannel::State : public std::enable_shared_from_this<State> {
 public:
  explicit State(asio::any_io_executor executor)
      : executor_(std::move(executor)), timer_(executor_) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    closing_ = true;
    if (channel_ != nullptr) {
      ares_destroy(channel_);
    }
  }

  // Empty when all went well.
  std::string Open(const AresChannelOptions& options);
  void Query(const std::string& name, std::uint16_t type, Callback callback);

  const SearchRules& search_rules() const { return search_rules_; }
  std::size_t server_count() const { return server_count_; }
  bool used_tcp() const { return used_tcp_; }

 private:
  // One socket of c-ares. While a direction is wanted exactly one wait for it is under way.
  // In one direction of a socket.
  struct Interest {
    bool is_wanted = false;
    bool is_waiting = false;
  };
  struct Watch {
    explicit Watch(const asio::any_io_executor& executor) : descriptor(executor) {}
    ~Watch() { descriptor.release(); }  // c-ares closes it; nothing to do when already released
    asio::posix::stream_descriptor descriptor;
    Interest read;
    Interest write;
  };
  struct Pending {
    State* state;
    Callback callback;
  };

  static void OnSocketState(void* self, ares_socket_t fd, int readable, int writable);
  static void OnAnswer(void* pending, int status, int timeouts, unsigned char* bytes, int size);

  void ReadSearchRules();
  void CountServers();
  void WatchSocket(ares_socket_t fd, bool readable, bool writable);
  void Wait(const std::shared_ptr<Watch>& watch, Interest Watch::*interest);
  void Process(ares_socket_t readable, ares_socket_t writable);
  void ArmTimer();

  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  std::map<ares_socket_t, std::shared_ptr<Watch>> watches_;
  SearchRules search_rules_;
  std::size_t server_count_ = 0;
  bool used_tcp_ = false;
  bool closing_ = false;
  ares_channel channel_ = nullptr;
};

std::string AresChannel::State::Open(const AresChannelOptions& options) {
  ares_options ares{};
  ares.flags = ARES_FLAG_EDNS | (options.pass_over_failing_servers ? 0 : ARES_FLAG_NOCHECKRESP);
  ares.timeout = static_cast<int>(options.timeout.count());
  ares.tries = options.tries;
  ares.ednspsz = kUdpPayloadBytes;
  ares.sock_state_cb = &State::OnSocketState;
  ares.sock_state_cb_data = this;
  const int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                    ARES_OPT_SOCK_STATE_CB;
  int status = ares_init_options(&channel_, &ares, given);
  if (status != ARES_SUCCESS) {
    channel_ = nullptr;
    return std::string("no DNS channel: ") + ares_strerror(status);
  }
  if (!options.servers.empty()) {
    const std::string servers = Joined(options.servers);
    status = ares_set_servers_ports_csv(channel_, servers.c_str());
    if (status != ARES_SUCCESS) {
      return "DNS servers \"" + servers + "\": " + ares_strerror(status);
    }
  }
  ReadSearchRules();
  CountServers();
  return {};
}

void AresChannel::State::ReadSearchRules() {
  ares_options saved{};
  int given = 0;
  if (ares_save_options(channel_, &saved, &given) == ARES_SUCCESS) {
    for (int i = 0; i < saved.ndomains; ++i) {
      search_rules_.domains.emplace_back(saved.domains[i]);
    }
    search_rules_.dots_min = saved.ndots;
  }
  ares_destroy_options(&saved);
}

void AresChannel::State::CountServers() {
  ares_addr_port_node* servers = nullptr;
  if (ares_get_servers_ports(channel_, &servers) == ARES_SUCCESS) {
    for (const ares_addr_port_node* node = servers; node != nullptr; node = node->next) {
      ++server_count_;
    }
    ares_free_data(servers);
  }
}

void AresChannel::State::Query(const std::string& name, std::uint16_t type, Callback callback) {
  auto pending = std::make_unique<Pending>(Pending{this, std::move(callback)});
  constexpr int kClassIn = 1;
  ares_query(channel_, name.c_str(), kClassIn, type, &State::OnAnswer, pending.release());
  ArmTimer();
}

void AresChannel::State::OnAnswer(void* arg, int status, int /*timeouts*/, unsigned char* bytes,
                                  int size) {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(arg));
  State& self = *pending->state;
  if (self.closing_) {
    return;
  }
  DnsAnswer answer;
  answer.outcome = OutcomeOfStatus(status);
  if (bytes != nullptr && size > 0) {
    const DnsAnswer parsed = ParseDnsAnswer({bytes, static_cast<std::size_t>(size)});
    // c-ares looks at the code and the counts only; an "empty" answer that is broken is broken.
    if (status == ARES_SUCCESS || parsed.outcome == Outcome::kMalformed ||
        parsed.outcome == Outcome::kTruncated) {
      answer = parsed;
    }
  }
  // Out of c-ares before anyone hears of it: the listener may destroy the channel.
  asio::post(self.executor_, [weak = self.weak_from_this(), answer = std::move(answer),
                              callback = std::move(pending->callback)] {
    if (!weak.expired()) {
      callback(answer);
    }
  });
}

void AresChannel::State::OnSocketState(void* self, ares_socket_t fd, int readable, int writable) {
  static_cast<State*>(self)->WatchSocket(fd, readable != 0, writable != 0);
}

void AresChannel::State::WatchSocket(ares_socket_t fd, bool readable, bool writable) {
  if (!readable && !writable) {
    // Now, not when the last handler lets go of the watch: c-ares closes the socket next and may be
    // given the same number for another one, whose registration must not be undone.
    if (const auto watch = watches_.extract(fd)) {
      watch.mapped()->descriptor.release();
    }
    return;
  }
  if (closing_) {
    return;
  }
  std::shared_ptr<Watch>& watch = watches_[fd];
  if (watch == nullptr) {
    watch = std::make_shared<Watch>(executor_);
    boost::system::error_code ignored;  // without a watch the question ends by its time-out
    watch->descriptor.assign(fd, ignored);
    used_tcp_ = used_tcp_ || IsStream(fd);
  }
  watch->read.is_wanted = readable;
  watch->write.is_wanted = writable;
  Wait(watch, &Watch::read);
  Wait(watch, &Watch::write);
}

void AresChannel::State::Wait(const std::shared_ptr<Watch>& watch, Interest Watch::*interest) {
  Interest& wanted = (*watch).*interest;
  if (!wanted.is_wanted || wanted.is_waiting || !watch->descriptor.is_open()) {
    return;
  }
  wanted.is_waiting = true;
  const bool is_read = interest == &Watch::read;
  watch->descriptor.async_wait(
      is_read ? asio::posix::descriptor_base::wait_read : asio::posix::descriptor_base::wait_write,
      [weak_self = weak_from_this(), weak_watch = std::weak_ptr<Watch>(watch), interest,
       is_read](const boost::system::error_code& error) {
        const auto alive = weak_watch.lock();
        const auto self = weak_self.lock();
        if (error == asio::error::operation_aborted || !self || !alive) {
          return;
        }
        ((*alive).*interest).is_waiting = false;
        const ares_socket_t fd = alive->descriptor.native_handle();
        self->Process(is_read ? fd : ARES_SOCKET_BAD, is_read ? ARES_SOCKET_BAD : fd);
        self->Wait(alive, interest);
      });
}

void AresChannel::State::Process(ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel_, readable, writable);
  ArmTimer();
}

void AresChannel::State::ArmTimer() {
  timeval wait{};
  if (ares_timeout(channel_, nullptr, &wait) == nullptr) {
    timer_.cancel();
    return;
  }
  // Rounded up: c-ares thinks in microseconds, and a turn too early is a turn for nothing.
  timer_.expires_after(std::chrono::seconds(wait.tv_sec) +
                       std::chrono::microseconds(wait.tv_usec + 1));
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error == asio::error::operation_aborted || !self) {
      return;
    }
    self->Process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

tl::expected<std::unique_ptr<AresChannel>, std::string> AresChannel::Make(
    asio::any_io_executor executor, const AresChannelOptions& options) {
  auto state = std::make_shared<State>(std::move(executor));
  if (std::string fault = state->Open(options); !fault.empty()) {
    return tl::make_unexpected(std::move(fault));
  }
  return std::make_unique<AresChannel>(std::move(state));
}

AresChannel::AresChannel(std::shared_ptr<State> state) : state_(std::move(state)) {}
AresChannel::~AresChannel() = default;

void AresChannel::Query(const std::string& name, std::uint16_t type, Callback callback) {
  state_->Query(name, type, std::move(callback));
}

const AresChannel::SearchRules& AresChannel::search_rules() const { return state_->search_rules(); }

std::size_t AresChannel::server_count() const { return state_->server_count(); }

bool AresChannel::used_tcp() const { return state_->used_tcp(); }

}  // namespace resolver
