// HttpStream: one request of a client over OTLP/HTTP, from its first header to the answer; which
// version of HTTP carries it, it does not know.
//
// Judges path, method, type and encoding, hands the body to an ExportIntake, and answers in the
// type of the request. Every 4xx and 5xx has a google.rpc.Status as its body.
// Thread safety: its worker only.
// Ownership: the connection's.
// Source: rules HS-02…HS-16.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "router/ingress/export_intake.h"
#include "router/ingress/http_request_head.h"
#include "router/ingress/ingress_context.h"
#include "router/transport/http_exchange.h"

namespace router {

class HttpStream final : public StreamHandler, private IntakeFace {
 public:
  HttpStream(IngressContext& context, HttpResponder& responder);

  void OnHeader(std::string_view name, std::string_view value) override;
  void OnHeadersEnd() override;
  void OnData(std::span<const std::uint8_t> bytes) override { intake_.Append(bytes); }
  void OnRequestEnd() override;
  void OnReset() override { intake_.Cancel(); }
  void OnFault(int status, std::string_view why) override;

 private:
  class Answer;

  const HttpFaceOptions& options() const { return context_.options.http; }
  bool is_json() const { return head_.type == HttpRequestHead::Type::kJson; }
  void BeginExport();
  void AnswerPreflight();
  // What is not in the ledger.
  void Fail(int status, std::string_view message);
  // The same for what is.
  void Reject(int status, std::string message);
  void OnVerdict(const Verdict& verdict) override;
  bool is_http() const override { return true; }
  void HoldBody(bool is_held) override { responder_.HoldBody(is_held); }
  void Send(Answer& answer, int status, std::string body);
  void AddCors(Answer& answer) const;

  IngressContext& context_;
  HttpResponder& responder_;
  HttpRequestHead head_;
  bool is_counted_ = false;
  bool is_answered_ = false;
  std::optional<int> status_;    // more exact than the verdict's code
  std::string accept_encoding_;  // told when the encoding is the fault
  ExportIntake intake_;
};

}  // namespace router
