#include "tests/support/dns_server.h"

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "tests/support/dns_wire.h"

namespace dnstest {
namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

namespace {

std::string Lower(std::string text) {
  for (char& c : text) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

bool IsOfType(const std::string& address, std::uint16_t type) {
  return (address.find(':') == std::string::npos) == (type == kTypeA);
}

}  // namespace

Script Addresses(std::vector<std::string> addresses, std::uint32_t ttl) {
  Script script;
  script.address_sets.push_back(std::move(addresses));
  script.ttl = ttl;
  return script;
}

Script InMode(Mode mode, std::vector<std::string> addresses) {
  Script script = Addresses(std::move(addresses));
  script.mode = mode;
  return script;
}

std::vector<std::string> ManyAddresses(std::size_t count) {
  std::vector<std::string> addresses;
  for (std::uint32_t i = 0; i < count; ++i) {
    addresses.push_back(asio::ip::address_v4(0x0A000000U + i).to_string());
  }
  return addresses;
}

// Members above `mutex_` belong to the server's thread; those below are shared.
class DnsServer::State {
 public:
  State() : work_(io_.get_executor()), udp_(io_), acceptor_(io_) {}

  void Open(std::uint16_t port);
  void Run() {
    ReceiveUdp();
    AcceptTcp();
    thread_ = std::thread([this] { io_.run(); });
  }
  // After it no handler runs; those that wait die with io_.
  void Close() {
    io_.stop();
    thread_.join();
  }
  void SetTcp(bool enabled);

  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Script> scripts_;
  std::map<std::pair<std::string, std::uint16_t>, std::size_t> counts_;
  std::size_t tcp_count_ = 0;
  std::size_t udp_size_ = 0;
  std::mt19937 random_{20260101};

 private:
  // One TCP connection: length-prefixed questions, answered in order.
  struct Session {
    explicit Session(tcp::socket connected)
        : socket(std::move(connected)), timer(socket.get_executor()) {}
    tcp::socket socket;
    asio::steady_timer timer;
    std::array<std::uint8_t, 2> length{};
    Bytes message;
  };
  struct Reply {
    std::optional<Bytes> bytes;
    std::chrono::milliseconds delay{0};
  };

  Reply Answer(std::span<const std::uint8_t> message, bool over_tcp);
  void ReceiveUdp();
  void AnswerUdp(std::size_t size);
  void AcceptTcp();
  void ReadTcp(const std::shared_ptr<Session>& session);
  void AnswerTcp(const std::shared_ptr<Session>& session);
  void WriteTcp(const std::shared_ptr<Session>& session, const Bytes& bytes);

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  udp::socket udp_;
  tcp::acceptor acceptor_;
  std::array<std::uint8_t, 4096> buffer_{};
  udp::endpoint sender_;
  std::thread thread_;
};

void DnsServer::State::Open(std::uint16_t port) {
  const auto loopback = asio::ip::address_v4::loopback();
  error_code error;
  for (int attempt = 0; attempt < 50; ++attempt) {
    udp_ = udp::socket(io_, udp::v4());
    udp_.bind({loopback, port}, error);
    if (error) {
      break;
    }
    port_ = udp_.local_endpoint().port();
    acceptor_ = tcp::acceptor(io_, tcp::v4());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind({loopback, port_}, error);
    if (!error) {
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (!error || port != 0) {
      break;
    }
  }
  if (error) {
    std::fprintf(stderr, "DnsServer: 127.0.0.1:%d: %s\n", port, error.message().c_str());
    std::abort();
  }
}

void DnsServer::State::SetTcp(bool enabled) {
  std::promise<void> done;
  asio::post(io_, [&] {
    if (enabled && !acceptor_.is_open()) {
      acceptor_ = tcp::acceptor(io_, {asio::ip::address_v4::loopback(), port_});
      AcceptTcp();
    } else if (!enabled) {
      acceptor_.close();
    }
    done.set_value();
  });
  done.get_future().wait();
}

DnsServer::State::Reply DnsServer::State::Answer(std::span<const std::uint8_t> message,
                                                 bool over_tcp) {
  const std::optional<Question> question = ReadQuestion(message);
  if (!question) {
    return {};
  }
  const std::lock_guard lock(mutex_);
  const std::size_t round = counts_[{question->name, question->type}]++;
  if (over_tcp) {
    ++tcp_count_;
  } else {
    udp_size_ = question->udp_size;
  }
  AnswerPlan plan;
  plan.over_tcp = over_tcp;
  plan.mode = Mode::kNxDomain;
  const auto found = scripts_.find(question->name);
  if (found == scripts_.end()) {
    return {WriteAnswer(*question, plan, random_), {}};
  }
  const Script& script = found->second;
  const auto special = script.mode_of_type.find(question->type);
  plan.mode = special == script.mode_of_type.end() ? script.mode : special->second;
  plan.ttl = script.ttl;
  plan.services = script.services;
  plan.alias = script.alias;
  const bool wants_address = question->type == kTypeA || question->type == kTypeAaaa;
  if (wants_address && !script.address_sets.empty()) {
    for (const std::string& address : script.address_sets[round % script.address_sets.size()]) {
      if (IsOfType(address, question->type)) {
        plan.addresses.push_back(address);
      }
    }
  }
  return {WriteAnswer(*question, plan, random_), script.delay};
}

void DnsServer::State::ReceiveUdp() {
  udp_.async_receive_from(asio::buffer(buffer_), sender_, [this](error_code error, std::size_t n) {
    if (error == asio::error::operation_aborted) {
      return;
    }
    if (!error) {
      AnswerUdp(n);
    }
    ReceiveUdp();
  });
}

void DnsServer::State::AnswerUdp(std::size_t size) {
  Reply reply = Answer(std::span(buffer_).first(size), false);
  if (!reply.bytes) {
    return;
  }
  if (reply.delay.count() == 0) {
    error_code ignored;
    udp_.send_to(asio::buffer(*reply.bytes), sender_, 0, ignored);
    return;
  }
  auto timer = std::make_shared<asio::steady_timer>(io_, reply.delay);
  timer->async_wait([this, timer, to = sender_, bytes = std::move(*reply.bytes)](error_code error) {
    if (!error) {
      udp_.send_to(asio::buffer(bytes), to, 0, error);
    }
  });
}

void DnsServer::State::AcceptTcp() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) {
      return;
    }
    if (!error) {
      ReadTcp(std::make_shared<Session>(std::move(socket)));
    }
    AcceptTcp();
  });
}

void DnsServer::State::ReadTcp(const std::shared_ptr<Session>& session) {
  asio::async_read(session->socket, asio::buffer(session->length),
                   [this, session](error_code error, std::size_t) {
                     if (error) {
                       return;
                     }
                     session->message.resize(
                         static_cast<std::size_t>(session->length[0] << 8 | session->length[1]));
                     asio::async_read(session->socket, asio::buffer(session->message),
                                      [this, session](error_code body_error, std::size_t) {
                                        if (!body_error) {
                                          AnswerTcp(session);
                                        }
                                      });
                   });
}

void DnsServer::State::AnswerTcp(const std::shared_ptr<Session>& session) {
  Reply reply = Answer(session->message, true);
  if (!reply.bytes) {
    ReadTcp(session);
    return;
  }
  session->timer.expires_after(reply.delay);
  session->timer.async_wait([this, session, bytes = std::move(*reply.bytes)](error_code error) {
    if (!error) {
      WriteTcp(session, bytes);
    }
  });
}

void DnsServer::State::WriteTcp(const std::shared_ptr<Session>& session, const Bytes& bytes) {
  session->length = {static_cast<std::uint8_t>(bytes.size() >> 8U),
                     static_cast<std::uint8_t>(bytes.size() & 0xFFU)};
  session->message = bytes;
  const std::array<asio::const_buffer, 2> framed = {asio::buffer(session->length),
                                                    asio::buffer(session->message)};
  asio::async_write(session->socket, framed, [this, session](error_code error, std::size_t) {
    if (!error) {
      ReadTcp(session);
    }
  });
}

DnsServer::DnsServer(std::uint16_t port) : state_(std::make_unique<State>()) {
  state_->Open(port);
  state_->Run();
}

DnsServer::~DnsServer() { state_->Close(); }

std::uint16_t DnsServer::port() const { return state_->port_; }
std::string DnsServer::address() const { return "127.0.0.1:" + std::to_string(port()); }

void DnsServer::Set(const std::string& name, Script script) {
  const std::lock_guard lock(state_->mutex_);
  state_->scripts_[Lower(name)] = std::move(script);
}

void DnsServer::Remove(const std::string& name) {
  const std::lock_guard lock(state_->mutex_);
  state_->scripts_.erase(Lower(name));
}

void DnsServer::SetAll(std::map<std::string, Script> scripts) {
  std::map<std::string, Script> lowered;
  for (auto& [name, script] : scripts) {
    lowered[Lower(name)] = std::move(script);
  }
  const std::lock_guard lock(state_->mutex_);
  state_->scripts_ = std::move(lowered);
}

void DnsServer::SetTcp(bool enabled) { state_->SetTcp(enabled); }

std::size_t DnsServer::queries() const {
  const std::lock_guard lock(state_->mutex_);
  std::size_t sum = 0;
  for (const auto& [key, count] : state_->counts_) {
    sum += count;
  }
  return sum;
}

std::size_t DnsServer::queries(const std::string& name, std::uint16_t type) const {
  const std::lock_guard lock(state_->mutex_);
  std::size_t sum = 0;
  for (const auto& [key, count] : state_->counts_) {
    sum += key.first == Lower(name) && (type == 0 || key.second == type) ? count : 0;
  }
  return sum;
}

std::size_t DnsServer::tcp_queries() const {
  const std::lock_guard lock(state_->mutex_);
  return state_->tcp_count_;
}

std::size_t DnsServer::last_udp_size() const {
  const std::lock_guard lock(state_->mutex_);
  return state_->udp_size_;
}

}  // namespace dnstest
