// ProtocolSniffer: a new connection on the port of OTLP/HTTP, until its first bytes say whether it
// speaks HTTP/1.1 or HTTP/2. What a TLS handshake has agreed on (ALPN) is believed.
//
// The preface of HTTP/2 is a request line that no client of HTTP/1 sends. As soon as a byte
// differs, or the preface is complete, transport and bytes go to the connection of that version.
// Thread safety: its worker only.
// Ownership: held by its acceptor and by a pending wait on the socket, until it has decided.
// Failure: a connection that cannot decide in time is closed.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "router/base/clock.h"
#include "router/transport/channel.h"

namespace router {

class ProtocolSniffer;

class SnifferAcceptor {
 public:
  virtual ~SnifferAcceptor() = default;
  // Once, unless it is closed before. Drop your reference to the sniffer here.
  virtual void OnProtocol(ProtocolSniffer& sniffer, bool is_http2, Transport transport,
                          std::span<const std::uint8_t> first_bytes) = 0;
  virtual void OnConnectionClosed(ProtocolSniffer& sniffer, std::string_view reason) = 0;
};

class ProtocolSniffer final : public Channel {
 public:
  static std::shared_ptr<ProtocolSniffer> Start(WorkerLoop& loop, Transport transport,
                                                SnifferAcceptor& acceptor, milliseconds timeout);

  void AnnounceShutDown() override {}
  void ShutDown() override;

 private:
  ProtocolSniffer(WorkerLoop& loop, Transport transport, SnifferAcceptor& acceptor,
                  milliseconds timeout);
  void OnBytes(std::span<const std::uint8_t> bytes) override;
  void Gather() override {}
  void OnClosed(std::string_view reason) override;
  void OnTimeout();

  SnifferAcceptor& acceptor_;
  std::string first_;  // of the preface, while it is incomplete
  MemberTimer<ProtocolSniffer, &ProtocolSniffer::OnTimeout> timer_{*this};
};

}  // namespace router
