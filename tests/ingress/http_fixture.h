// HttpIngressTest: the port of OTLP/HTTP beside that of gRPC, and clients by hand.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "google/rpc/status.pb.h"
#include "tests/ingress/ingress_fixture.h"
#include "tests/support/http1_client.h"

namespace router::test {

class HttpIngressTest : public IngressTest {
 protected:
  ~HttpIngressTest() override { http_listener_.reset(); }

  void TearDown() override {
    http_clients_.clear();
    IngressTest::TearDown();
  }
  void SetUpHttp(std::size_t backends = 0) {
    SetUpIngress(backends);
    http_port_ = Listen(Face::kHttp, http_listener_);
  }

  Http1Client& NewHttpClient() {
    return *http_clients_.emplace_back(std::make_unique<Http1Client>(http_port_));
  }
  bool PumpHttpUntil(const std::function<bool()>& is_done) {
    return PumpUntil([&] {
      for (const auto& client : http_clients_) client->Pump();
      return is_done();
    });
  }
  void PumpHttpTurns(int count = 200) {
    for (int i = 0; i < count; ++i) {
      for (const auto& client : http_clients_) client->Pump();
      loop_.Turn(false);
    }
  }
  // Sends on a connection of its own and waits for `count` answers; gives the last.
  Http1Answer AskHttp(std::string_view bytes, std::size_t count = 1) {
    Http1Client& client = NewHttpClient();
    client.Send(bytes);
    EXPECT_TRUE(PumpHttpUntil([&] {
      return client.answers().size() >= count || !client.is_open();
    })) << "no answer";
    return client.answers().size() < count ? Http1Answer() : client.answers()[count - 1];
  }
  // The google.rpc.Status that every error has as its body.
  static google::rpc::Status StatusIn(const Http1Answer& answer) {
    EXPECT_EQ(answer.Header("content-type"), "application/x-protobuf");
    google::rpc::Status status;
    EXPECT_TRUE(status.ParseFromString(answer.body)) << answer.body;
    EXPECT_FALSE(status.message().empty());
    return status;
  }

  std::unique_ptr<Listener> http_listener_;
  std::uint16_t http_port_ = 0;
  std::vector<std::unique_ptr<Http1Client>> http_clients_;
};

}  // namespace router::test
