#include "router/http1/http1_connection.h"

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <cassert>
#include <utility>

#include "router/transport/http_date.h"

namespace router {
namespace {

std::string_view ReasonOf(int status) {
  const auto reason = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return {reason.data(), reason.size()};
}

}  // namespace

Http1Connection::Http1Connection(WorkerLoop& loop, MemoryAccount& memory, Transport transport,
                                 Http1Acceptor& acceptor, const Http1Options& options)
    : Channel(loop, std::move(transport), WhenBlocked::kStopReading),
      acceptor_(acceptor),
      options_(options),
      kept_(memory) {
  if (options_.asks_credentials) LimitReads(kUnknownClientReadBytes);
  loop.SetTimer(timer_, loop.Now() + options_.header_timeout);
}

Http1Connection::~Http1Connection() = default;

std::shared_ptr<Http1Connection> Http1Connection::Start(WorkerLoop& loop, MemoryAccount& memory,
                                                        Transport transport,
                                                        Http1Acceptor& acceptor,
                                                        const Http1Options& options,
                                                        std::span<const std::uint8_t> first_bytes) {
  std::shared_ptr<Http1Connection> connection(
      new Http1Connection(loop, memory, std::move(transport), acceptor, options));
  connection->Channel::Start(first_bytes);
  return connection;
}

void Http1Connection::ShutDown() {
  is_draining_ = is_shut_down_ = true;
  if (IsIdle()) Close("finished");
}

bool Http1Connection::IsIdle() {
  return state_ == State::kHead && parser_.is_between_requests() && kept_.size() == 0 &&
         out().empty() && !HasInput();
}

void Http1Connection::OnClosed(std::string_view reason) {
  timer_.Cancel();
  kept_.Reset();
  if (!std::exchange(is_answered_, true)) handler_->OnReset();
  acceptor_.OnConnectionClosed(*this, reason);
}

// ---- reading -----------------------------------------------------------------------------------

void Http1Connection::OnBytes(std::span<const std::uint8_t> bytes) {
  if (state_ == State::kLingering) {
    discarded_bytes_ += bytes.size();
    if (!MayDiscardMore()) PauseReading();
    return;
  }
  const std::span<const std::uint8_t> rest = Parse(bytes);
  if (!is_open() || state_ == State::kLingering) return;
  if (!rest.empty()) Keep(rest);
  if (!rest.empty() || state_ == State::kAnswering || is_held_) PauseReading();
}

bool Http1Connection::MayParse() const {
  return is_open() && state_ != State::kAnswering && state_ != State::kLingering && !is_held_ &&
         out().bytes() < kWriteBatchBytes;
}

std::span<const std::uint8_t> Http1Connection::Parse(std::span<const std::uint8_t> bytes) {
  while (MayParse()) {
    const RequestParser::Event event = parser_.Next(bytes);
    if (event == RequestParser::Event::kNeedMore) {
      const bool has_begun = state_ == State::kHead && !parser_.is_between_requests();
      if (has_begun && !std::exchange(has_head_begun_, true)) {
        loop().SetTimer(timer_, loop().Now() + options_.header_timeout);
      }
      break;
    }
    Handle(event, !bytes.empty());
  }
  return bytes;
}

void Http1Connection::Handle(RequestParser::Event event, bool has_more_bytes) {
  switch (event) {
    case RequestParser::Event::kHead:
      BeginRequest(has_more_bytes);
      return;
    case RequestParser::Event::kData:
      TakeData();
      return;
    case RequestParser::Event::kEnd:
      if (state_ == State::kDiscarding) {
        NextRequest();
        return;
      }
      state_ = State::kAnswering;
      timer_.Cancel();
      handler_->OnRequestEnd();
      return;
    case RequestParser::Event::kFault:
      Fault(parser_.fault());
      return;
    case RequestParser::Event::kNeedMore:
      return;
  }
}

void Http1Connection::BeginRequest(bool has_more_bytes) {
  const RequestParser::Head& head = parser_.head();
  state_ = State::kBody;
  is_answered_ = false;
  is_head_request_ = head.method == "HEAD";
  is_closing_ = !head.is_keep_alive || !options_.is_keep_alive;
  const bool has_body = head.is_chunked || head.content_length.value_or(0) > 0;
  is_continue_due_ = head.expects_continue && has_body && !has_more_bytes;
  is_held_ = was_held_ = is_rest_long_ = false;
  body_until_ = options_.read_timeout > milliseconds(0) ? loop().Now() + options_.read_timeout
                                                        : TimePoint::max();
  WatchPace();
  handler_ = acceptor_.NewRequest(*this);
  for (const HttpField& field : head.fields) handler_->OnHeader(field.name, field.value);
  handler_->OnHeadersEnd();
  if (is_answered_) return;
  if (!head.has_framing() && head.method == "POST") {
    is_closing_ = true;  // a body may follow all the same: nothing behind this is a request
    handler_->OnFault(411, "a POST needs Content-Length or Transfer-Encoding: chunked");
  } else {
    WriteContinue();
  }
}

void Http1Connection::WriteContinue() {
  if (is_held_ || is_answered_ || !std::exchange(is_continue_due_, false)) return;
  Write("HTTP/1.1 100 Continue\r\n\r\n");
}

void Http1Connection::HoldBody(bool is_held) {
  if (std::exchange(is_held_, is_held) == is_held || is_held) return;
  // Goes on at the end of the turn: what follows here, an answer perhaps, comes first.
  was_held_ = true;
  MarkDirty();
  if (state_ == State::kBody) WatchPace();
}

void Http1Connection::TakeData() {
  const std::span<const std::uint8_t> data = parser_.data();
  pace_bytes_ += data.size();
  if (state_ == State::kBody) {
    if (!std::exchange(is_let_in_, true)) LiftReadLimit();
    handler_->OnData(data);
    return;
  }
  discarded_bytes_ += data.size();
  if (!MayDiscardMore()) Linger();
}

void Http1Connection::Fault(const RequestParser::Fault& fault) {
  if (state_ == State::kDiscarding) {
    Linger();
    return;
  }
  if (state_ == State::kHead) {
    is_answered_ = is_head_request_ = false;
    state_ = State::kBody;
    handler_ = acceptor_.NewRequest(*this);
  }
  is_closing_ = true;
  is_rest_long_ = IsUnknownClient();
  handler_->OnFault(fault.status, fault.why);
  assert(is_answered_);
}

void Http1Connection::NextRequest() {
  if (is_shut_down_) {
    Linger();
    return;
  }
  state_ = State::kHead;
  has_head_begun_ = is_let_in_ = false;
  if (options_.asks_credentials) LimitReads(kUnknownClientReadBytes);
  loop().SetTimer(timer_, loop().Now() + options_.idle_timeout);
  MarkDirty();  // for ForgetRequest()
}

// Not from inside the answer: it comes from the handler.
void Http1Connection::ForgetRequest() {
  handler_.reset();
  if (parser_.is_between_requests()) parser_.ForgetHead();
}

void Http1Connection::Keep(std::span<const std::uint8_t> bytes) {
  assert(kept_.size() == 0);
  kept_position_ = 0;
  if (kept_.Append(bytes)) return;
  if (state_ == State::kAnswering) {
    is_closing_ = true;  // told to the client with the answer at hand
  } else if (state_ == State::kBody && !is_answered_) {
    Fault({503, "the memory budget is full"});
  } else {
    Close("no memory for what it sent ahead");
  }
}

// Not from inside the answer to the last request, and not before that is written.
void Http1Connection::TakeUpKept() {
  if (!is_open() || !MayParse()) return;
  const auto rest = Parse(kept_.bytes().subspan(kept_position_));
  if (!is_open()) return;
  kept_position_ = kept_.size() - rest.size();
  if (!rest.empty() && state_ != State::kLingering) return;
  kept_.Reset();
  kept_position_ = 0;
  MarkDirty();
}

void Http1Connection::OnTimeout() {
  const auto alive = shared_from_this();
  switch (state_) {
    case State::kHead:
      if (parser_.is_between_requests()) {
        Close("idle");
      } else {
        Fault({408, "the head of the request did not arrive in time"});
      }
      return;
    case State::kBody:
    case State::kDiscarding:
      CheckPace();
      return;
    case State::kLingering:
      Close("finished");
      return;
    case State::kAnswering:
      return;
  }
}

// Retryable: a network that is slow for a while is no fault of the data (rule HS-14).
void Http1Connection::CheckPace() {
  const std::size_t bytes_min =
      kBodyBytesPerSecondMin * static_cast<std::size_t>(options_.pace_window.count()) / 1000;
  const TimePoint now = loop().Now();
  if (now >= body_until_ || (pace_bytes_ < bytes_min && !is_held_)) {
    Fault({504, "the body of the request arrives too slowly"});
    return;
  }
  WatchPace();
}

void Http1Connection::WatchPace() {
  pace_bytes_ = 0;
  loop().SetTimer(timer_, std::min<TimePoint>(body_until_, loop().Now() + options_.pace_window));
}

// ---- answering ---------------------------------------------------------------------------------

bool Http1Connection::MayReadRest() const {
  // Whoever waits for 100 may send the body or not: the next byte could be anything.
  return !is_continue_due_ && parser_.body_bytes_left() <= kDiscardedBytesMax;
}

bool Http1Connection::MayDiscardMore() const {
  if (is_rest_long_) return discarded_bytes_ < kRefusedUploadBytesMax;
  return discarded_bytes_ <= (state_ == State::kLingering ? kLingerBytesMax : kDiscardedBytesMax);
}

void Http1Connection::Respond(int status, std::span<const HttpField> fields, std::string body) {
  assert(!is_answered_);
  is_answered_ = true;
  is_closing_ |= is_draining_ || (state_ == State::kBody && !MayReadRest());
  is_rest_long_ |= parser_.body_bytes_left() > kLingerBytesMax ||
                   (IsUnknownClient() && parser_.head().is_chunked);
  if (is_rest_long_) LimitReads(kUnknownClientReadBytes);
  discarded_bytes_ = 0;
  const HttpDate date = HttpDateNow();
  answer_.assign("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(ReasonOf(status));
  answer_.append("\r\ndate: ").append(date.data(), date.size()).append("\r\n");
  for (const HttpField& field : fields) {
    answer_.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  if (status != 204) {
    answer_.append("content-length: ").append(std::to_string(body.size())).append("\r\n");
  }
  if (is_closing_) {
    answer_.append("connection: close\r\n");
  } else if (!parser_.head().is_http_11) {
    answer_.append("connection: keep-alive\r\n");
  }
  answer_.append("\r\n");
  if (!is_head_request_) answer_.append(body);
  Write(answer_);
  PauseReading();  // until it is written: the client may have ended its side
  if (is_closing_) {
    Linger();
  } else if (state_ == State::kAnswering) {
    NextRequest();
  } else {
    state_ = State::kDiscarding;
  }
}

void Http1Connection::Write(std::string_view text) {
  out().AppendCopy({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  MarkDirty();
}

void Http1Connection::Linger() {
  state_ = State::kLingering;
  if (!MayDiscardMore()) PauseReading();
  timer_.Cancel();
  MarkDirty();  // also when there is nothing to write: OnAllWritten() goes on
}

void Http1Connection::OnAllWritten() {
  if (state_ == State::kLingering) {
    if (std::exchange(has_ended_writing_, true)) return;
    ShutDownWriting();
    if (MayDiscardMore()) ResumeReading();
    loop().SetTimer(timer_, loop().Now() + kLingerMax);
    return;
  }
  if (state_ == State::kAnswering || is_held_) return;
  if (state_ == State::kBody) WriteContinue();
  if (state_ == State::kHead) ForgetRequest();
  if (is_shut_down_ && IsIdle()) {
    Close("finished");
    return;
  }
  // A request that was held may be whole without a byte more.
  if (kept_.size() == 0 && !std::exchange(was_held_, false)) {
    ResumeReading();
    return;
  }
  loop().Post([self = std::static_pointer_cast<Http1Connection>(shared_from_this())] {
    self->TakeUpKept();
  });
}

}  // namespace router
