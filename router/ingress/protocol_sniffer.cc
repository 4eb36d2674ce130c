#include "router/ingress/protocol_sniffer.h"

#include <utility>

namespace router {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

ProtocolSniffer::ProtocolSniffer(WorkerLoop& loop, Transport transport, SnifferAcceptor& acceptor,
                                 milliseconds timeout)
    : Channel(loop, std::move(transport), WhenBlocked::kStopReading), acceptor_(acceptor) {
  LimitReads(kUnknownClientReadBytes);
  loop.SetTimer(timer_, loop.Now() + timeout);
}

std::shared_ptr<ProtocolSniffer> ProtocolSniffer::Start(WorkerLoop& loop, Transport transport,
                                                        SnifferAcceptor& acceptor,
                                                        milliseconds timeout) {
  std::shared_ptr<ProtocolSniffer> sniffer(
      new ProtocolSniffer(loop, std::move(transport), acceptor, timeout));
  sniffer->Channel::Start();
  return sniffer;
}

void ProtocolSniffer::OnBytes(std::span<const std::uint8_t> bytes) {
  if (const std::string_view agreed = agreed_protocol(); !agreed.empty()) {
    timer_.Cancel();
    acceptor_.OnProtocol(*this, agreed == "h2", TakeTransport(), bytes);
    return;
  }
  std::span<const std::uint8_t> all = bytes;
  if (!first_.empty()) {
    first_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    all = {reinterpret_cast<const std::uint8_t*>(first_.data()), first_.size()};
  }
  const std::string_view text(reinterpret_cast<const char*>(all.data()), all.size());
  const std::string_view begin = text.substr(0, kHttp2Preface.size());
  const bool may_be_http2 = kHttp2Preface.starts_with(begin);
  if (may_be_http2 && begin.size() < kHttp2Preface.size()) {
    if (first_.empty()) first_ = text;
    return;
  }
  timer_.Cancel();
  acceptor_.OnProtocol(*this, may_be_http2, TakeTransport(), all);
}

void ProtocolSniffer::ShutDown() {
  if (!HasInput()) Close("finished");
}

void ProtocolSniffer::OnClosed(std::string_view reason) {
  timer_.Cancel();
  acceptor_.OnConnectionClosed(*this, reason);
}

void ProtocolSniffer::OnTimeout() {
  const auto alive = shared_from_this();
  Close("it has said nothing in time");
}

}  // namespace router
