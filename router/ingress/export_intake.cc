#include "router/ingress/export_intake.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>
#include <variant>

#include "router/codec/gzip.h"

namespace router {
namespace {

constexpr int kHiddenLayersMax = 2;

}  // namespace

ExportIntake::ExportIntake(IngressContext& context, IntakeFace& face, const BodyLimit& limit)
    : context_(context),
      face_(face),
      limit_(limit),
      expected_bytes_(limit.bytes_max),
      body_(context.memory) {}

ExportIntake::~ExportIntake() { assert(call_ == nullptr); }

void ExportIntake::OnHeader(std::string_view name, std::string_view value) {
  const AuthPolicy* policy = context_.authenticator.policy();
  if (policy != nullptr && credentials_.empty() && name == policy->header()) credentials_ = value;
}

void ExportIntake::Count() {
  assert(state_ == State::kNew);
  LedgerColumn& requests = context_.forwarder.ledger().requests;
  requests.received.Add();
  requests.in_flight.Add();
  is_counted_ = true;
  state_ = State::kCounted;
}

bool ExportIntake::Begin(std::optional<milliseconds> timeout) {
  assert(state_ == State::kCounted);
  budget_ = RequestBudget(timeout, context_.options.deadline);
  if (budget_ <= milliseconds(0)) {
    EndEarly(Expiry("the deadline had passed when the request arrived"));
    return false;
  }
  deadline_ = context_.loop.Now() + budget_;
  std::optional<AuthResult> known = AuthResult::kAccepted;
  if (context_.authenticator.policy() != nullptr) {
    known = context_.authenticator.Check(credentials_, *this);
  }
  if (known && !IsLetIn(*known)) return false;
  is_asking_ = !known;
  if (!Enter()) return false;
  state_ = State::kReading;
  context_.loop.SetTimer(timer_, deadline_);
  if (context_.authenticator.policy() != nullptr) face_.HoldBody(is_asking_);
  return true;
}

// What is waited for takes memory too.
bool ExportIntake::Enter() {
  entered_ = context_.forwarder.admission().TryEnter(budget_);
  if (entered_.has_value()) return true;
  EndEarly(
      context_.forwarder.Refuse(RefuseReason::kOverload, "more arrives than can be taken in time"));
  return false;
}

bool ExportIntake::IsLetIn(AuthResult result) {
  switch (result) {
    case AuthResult::kRefused:
      EndEarly(Rejection(GrpcCode::kUnauthenticated, RejectIndex(RejectReason::kAuth),
                         credentials_.empty() ? "credentials are required: there are none"
                                              : "the credentials are not valid"));
      return false;
    case AuthResult::kBusy:
      EndEarly(context_.forwarder.Refuse(RefuseReason::kOverload,
                                         "too many unknown credentials are being checked"));
      return false;
    case AuthResult::kAccepted:
      return true;
  }
  return false;
}

void ExportIntake::OnAuthResult(AuthResult result) {
  is_asking_ = false;
  const bool is_let_in = IsLetIn(result);
  face_.HoldBody(false);  // after a refusal, which leaves the client no more window
  if (is_let_in && end_) End(*end_);
}

bool ExportIntake::StopAsking() {
  if (!std::exchange(is_asking_, false)) return false;
  context_.authenticator.Forget(*this);
  return true;
}

void ExportIntake::Append(std::span<const std::uint8_t> bytes) {
  if (state_ != State::kReading || bytes.empty()) return;
  if (bytes.size() > limit_.bytes_max - body_.size()) {
    EndEarly(TooLarge());
  } else if (!body_.AppendArrived(bytes, std::max(expected_bytes_, body_.size() + bytes.size()))) {
    EndEarly(NoMemory());
  } else {
    OnBodyGrown();
  }
}

// At most half of the time that is left: a client that is told to come back needs some, too.
void ExportIntake::OnBodyGrown() {
  if (state_ != State::kReading || is_asking_) return;
  const TimePoint now = context_.loop.Now();
  context_.forwarder.uploads().OnGrown(*this, now + (deadline_ - now) / 2);
}

void ExportIntake::OnUploadExpired() {
  face_.HoldBody(false);
  EndEarly(context_.forwarder.Refuse(
      RefuseReason::kOverload, "the memory budget stayed full while the request was arriving"));
}

void ExportIntake::End(const BodyForm& form) {
  if (state_ != State::kReading) return;
  if (is_asking_) {
    end_ = form;
    return;
  }
  timer_.Cancel();
  if (context_.forwarder.uploads().Leave(*this)) face_.HoldBody(false);
  LeaveAdmission(true);
  if (form.compression != Compression::kNone && !Inflate(form.compression)) return;
  if (form.may_hide_gzip && !InflateHidden()) return;
  if (form.is_json && !TakeJson()) return;
  state_ = State::kForwarding;
  auto started = context_.forwarder.Start(std::move(body_), deadline_, *this);
  if (const Verdict* verdict = std::get_if<Verdict>(&started)) {
    EndEarly(*verdict);
    return;
  }
  is_counted_ = false;  // the call books it from here on
  call_ = std::get<ExportCall*>(started);
}

bool ExportIntake::Inflate(Compression compression) {
  Body plain(context_.memory);
  const auto error = context_.codec.Inflate(compression, body_.bytes(),
                                            {.output_bytes_max = limit_.bytes_max}, plain);
  if (!error.has_value()) {
    body_ = std::move(plain);
    return true;
  }
  switch (*error) {
    case InflateError::kTooLarge:
      EndEarly(TooLarge());
      break;
    case InflateError::kRatio:
      EndEarly(Rejection(GrpcCode::kResourceExhausted, RejectIndex(RejectReason::kTooLarge),
                         "the request inflates out of all proportion: more than 200-fold, or with "
                         "more work than data costs"));
      break;
    case InflateError::kNoMemory:
      plain.Reset();
      EndEarly(NoMemory());
      break;
    case InflateError::kMalformed:
    case InflateError::kTruncated:
      EndEarly(
          Rejection(GrpcCode::kInvalidArgument, RejectIndex(RejectReason::kMalformed),
                    "the " + std::string(NameOf(compression)) + " data of the request is damaged"));
      break;
  }
  return false;
}

bool ExportIntake::InflateHidden() {
  for (int layers = 0; layers < kHiddenLayersMax && BeginsAsGzip(body_.bytes()); ++layers) {
    if (!Inflate(Compression::kGzip)) return false;
  }
  return true;
}

bool ExportIntake::TakeJson() {
  Body wire(context_.memory);
  const auto fault = context_.json.ToWire(body_.bytes(), limit_.bytes_max, wire);
  if (!fault.has_value()) {
    body_ = std::move(wire);
    return true;
  }
  wire.Reset();
  if (fault->is_no_memory) {
    EndEarly(NoMemory());
  } else if (fault->is_too_large) {
    EndEarly(TooLarge());
  } else {
    EndEarly(Rejection(GrpcCode::kInvalidArgument, RejectIndex(RejectReason::kMalformed),
                       "not OTLP/JSON: " + fault->message));
  }
  return false;
}

Verdict ExportIntake::TooLarge() const {
  return Rejection(GrpcCode::kResourceExhausted, RejectIndex(RejectReason::kTooLarge),
                   "the request is larger than " + std::to_string(limit_.bytes_max) +
                       " bytes (after decompression); send smaller batches or raise " +
                       std::string(limit_.key));
}

Verdict ExportIntake::NoMemory() {
  const bool is_size_known = expected_bytes_ < limit_.bytes_max;
  return context_.forwarder.RefuseForMemory(body_.capacity(),
                                            is_size_known ? expected_bytes_ : body_.size());
}

void ExportIntake::OnDeadline() {
  EndEarly(Expiry("the request did not arrive within its deadline"));
}

void ExportIntake::OnVerdict(const Verdict& verdict) {
  call_ = nullptr;
  Finish(verdict);
}

void ExportIntake::LeaveAdmission(bool is_whole) {
  if (const auto ticket = std::exchange(entered_, std::nullopt)) {
    context_.forwarder.admission().Leave(*ticket, is_whole);
  }
}

void ExportIntake::EndEarly(const Verdict& verdict) {
  assert(is_counted_);
  const bool was_waiting = context_.forwarder.uploads().Leave(*this);
  if (StopAsking() || was_waiting) face_.HoldBody(false);
  LeaveAdmission(false);
  is_counted_ = false;
  BookRequest(verdict, context_.forwarder.ledger().requests);
  Finish(verdict);
}

void ExportIntake::Finish(const Verdict& verdict) {
  state_ = State::kDone;
  timer_.Cancel();
  body_.Reset();
  face_.OnVerdict(verdict);
}

void ExportIntake::Cancel() {
  if (state_ == State::kDone) return;
  StopAsking();
  context_.forwarder.uploads().Leave(*this);
  state_ = State::kDone;
  timer_.Cancel();
  LeaveAdmission(false);
  body_.Reset();
  if (call_ != nullptr) {
    context_.forwarder.Cancel(*std::exchange(call_, nullptr));
  } else if (std::exchange(is_counted_, false)) {
    LedgerColumn& requests = context_.forwarder.ledger().requests;
    requests.in_flight.Subtract();
    requests.cancelled.Add();
  }
}

}  // namespace router
