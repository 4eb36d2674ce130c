// FakeBackend: a backend on the loop of the test itself: notes what arrives, answers as told.
//
// Thread safety: the thread that drives the loop.
// Ownership: borrows the loop, which outlives it.
#pragma once

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "router/base/clock.h"
#include "router/base/memory_budget.h"
#include "router/base/worker_loop.h"
#include "router/codec/codec.h"
#include "router/http2/server_connection.h"

namespace router::test {

class FakeBackend final : private Acceptor {
 public:
  struct Request {
    std::map<std::string, std::string> headers;
    bool is_compressed = false;
    std::string message;  // inflated
    TimePoint arrived{};
  };
  using Answer = std::function<void(ServerStream&)>;

  explicit FakeBackend(WorkerLoop& loop)
      : loop_(loop),
        listening_(loop.io(), {boost::asio::ip::address_v4::loopback(), 0}),
        address_(listening_.local_endpoint()) {
    AcceptNext();
  }
  ~FakeBackend() override {
    const std::vector<std::shared_ptr<ServerConnection>> all(open_.begin(), open_.end());
    for (const auto& connection : all) connection->Close("test over");
  }

  const boost::asio::ip::tcp::endpoint& address() const { return address_; }
  const std::vector<Request>& requests() const { return requests_; }
  std::size_t resets() const { return resets_; }
  // Requests that wait for Release().
  std::size_t held() const { return held_.size(); }

  // From now on: answer each request by `answer`; null: hold it.
  void AnswerBy(Answer answer) { answer_ = std::move(answer); }
  void AnswerOk() {
    AnswerBy([](ServerStream& stream) { stream.RespondMessage(""); });
  }
  void Hold() { answer_ = nullptr; }
  // Answers what is held.
  void Release(const Answer& answer) {
    for (ServerStream* stream : std::exchange(held_, {})) answer(*stream);
  }
  void DropConnections() {
    const std::vector<std::shared_ptr<ServerConnection>> all(open_.begin(), open_.end());
    for (const auto& connection : all) connection->Close("dropped by the test");
  }
  // The process has died: connects are refused until Restart().
  void Stop() {
    listening_.close();
    DropConnections();
  }
  void Restart() {
    listening_ = {loop_.io(), address_};
    AcceptNext();
  }

 private:
  class Stream final : public StreamHandler {
   public:
    Stream(FakeBackend& backend, ServerStream& stream) : backend_(backend), stream_(stream) {}
    void OnHeader(std::string_view name, std::string_view value) override {
      request_.headers.emplace(name, value);
    }
    void OnHeadersEnd() override {}
    void OnData(std::span<const std::uint8_t> bytes) override {
      frame_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    void OnRequestEnd() override { backend_.OnRequest(std::move(request_), frame_, stream_); }
    void OnReset() override {
      ++backend_.resets_;
      std::erase(backend_.held_, &stream_);
    }

   private:
    FakeBackend& backend_;
    ServerStream& stream_;
    Request request_;
    std::string frame_;
  };

  void AcceptNext() {
    listening_.async_accept(
        [this](const boost::system::error_code& error, boost::asio::ip::tcp::socket socket) {
          if (error) return;
          open_.insert(ServerConnection::Start(loop_, Transport(std::move(socket)), *this, {}));
          AcceptNext();
        });
  }
  std::unique_ptr<StreamHandler> NewStream(ServerStream& stream) override {
    return std::make_unique<Stream>(*this, stream);
  }
  void OnConnectionClosed(ServerConnection& connection, std::string_view) override {
    open_.erase(std::static_pointer_cast<ServerConnection>(connection.shared_from_this()));
  }
  void OnRequest(Request&& request, std::string_view frame, ServerStream& stream) {
    request.is_compressed = frame.at(0) != 0;
    request.message = frame.substr(Body::kHeadroomBytes);
    if (request.is_compressed) request.message = Inflated(request.message);
    request.arrived = Clock::now();
    requests_.push_back(std::move(request));
    if (answer_) {
      answer_(stream);
    } else {
      held_.push_back(&stream);
    }
  }
  std::string Inflated(std::string_view bytes) {
    MemoryBudget budget(std::size_t{256} << 20);
    MemoryAccount account(budget);
    Body plain(account);
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    if (codec_.Inflate(Compression::kGzip, {data, bytes.size()},
                       {.output_bytes_max = std::size_t{64} << 20}, plain)) {
      return "cannot be inflated";
    }
    return {reinterpret_cast<const char*>(plain.data()), plain.size()};
  }

  WorkerLoop& loop_;
  boost::asio::ip::tcp::acceptor listening_;
  const boost::asio::ip::tcp::endpoint address_;
  Codec codec_;
  Answer answer_ = [](ServerStream& stream) { stream.RespondMessage(""); };
  std::vector<Request> requests_;
  std::vector<ServerStream*> held_;
  std::size_t resets_ = 0;
  std::unordered_set<std::shared_ptr<ServerConnection>> open_;
};

}  // namespace router::test
