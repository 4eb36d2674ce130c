#include "router/transport/channel.h"

#include <algorithm>
#include <utility>

namespace router {
namespace {

constexpr int kLastReadsMax = 64;  // more than the kernel keeps for a socket

}  // namespace

using boost::asio::ip::tcp;

Channel::Channel(WorkerLoop& loop, Transport transport, WhenBlocked when_blocked)
    : Flushable(loop, Stage::kWrite),
      transport_(std::move(transport)),
      when_blocked_(when_blocked) {}

Channel::~Channel() = default;

void Channel::Start(std::span<const std::uint8_t> first_bytes) {
  if (!first_bytes.empty()) OnBytes(first_bytes);
  if (!is_open_) return;
  if (!transport_.is_established() || transport_.has_unsent()) MarkDirty();
  WaitReadable();
}

void Channel::Close(std::string_view reason) {
  if (!is_open_) return;
  is_open_ = false;
  stall_timer_.Cancel();
  transport_.Close();
  OnClosed(reason);
}

bool Channel::HasInput() {
  boost::system::error_code error;
  return transport_.socket().available(error) > 0;
}

Transport Channel::TakeTransport() {
  is_open_ = false;
  return std::move(transport_);
}

void Channel::WaitReadable() {
  transport_.socket().async_wait(
      tcp::socket::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
        if (!self->is_open_) return;
        if (error) {
          self->Close(error.message());
          return;
        }
        self->OnReadable();
      });
}

void Channel::OnReadable() {
  if (is_paused_ || (is_waiting_writable_ && when_blocked_ == WhenBlocked::kStopReading)) {
    is_read_owed_ = true;
    return;
  }
  if (!transport_.is_established() && transport_.gate() != nullptr) {
    transport_.gate()->Enter(*this);  // calls Read() when it is its turn
    return;
  }
  Read();
  if (is_open_) WaitReadable();
}

void Channel::ResumeReading() {
  is_paused_ = false;
  if (is_open_ && std::exchange(is_read_owed_, false)) WaitReadable();
}

// One read, then the others have their turn: what was begun on other connections is finished first.
void Channel::Read() {
  const std::size_t bytes_max = transport_.is_plain()
                                    ? read_bytes_max_
                                    : std::max(read_bytes_max_, Transport::kTlsReadBytesMin);
  const std::span<std::uint8_t> buffer = loop().read_buffer().first(bytes_max);
  const bool was_established = transport_.is_established();
  const Transport::Outcome outcome = transport_.Read(buffer);
  if (!was_established && transport_.is_established()) MarkDirty();
  if (transport_.has_unsent()) WaitWritable();
  switch (outcome.status) {
    case Transport::Status::kOk:
      loop().CountRead(outcome.size);
      OnBytes(buffer.first(outcome.size));
      return;
    case Transport::Status::kBlocked:
      return;
    case Transport::Status::kClosed:
      Close("closed by peer");
      return;
    case Transport::Status::kFailed:
      Close(transport_.error());
      return;
  }
}

void Channel::OnWriteStalled() {
  const auto alive = shared_from_this();
  Close("it does not read what it is sent");
}

void Channel::WaitWritable() {
  if (is_waiting_writable_) return;
  is_waiting_writable_ = true;
  loop().SetTimer(stall_timer_, loop().Now() + kWriteStallMax);
  transport_.socket().async_wait(
      tcp::socket::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
        self->is_waiting_writable_ = false;
        self->stall_timer_.Cancel();
        if (!self->is_open_) return;
        if (error) {
          self->Close(error.message());
          return;
        }
        self->MarkDirty();
        if (!self->is_paused_) self->ResumeReading();
      });
}

void Channel::Flush() {
  if (!is_open_ || is_waiting_writable_) return;
  const auto self = shared_from_this();
  if (!transport_.is_plain() && !FlushTls()) return;
  while (true) {
    // What a full socket left over is no measure of what the protocol still has.
    const bool is_leftover = !out_.empty();
    if (!is_leftover) Gather();
    if (!is_open_) return;
    if (out_.empty()) break;
    const bool may_have_more = is_leftover || out_.bytes() >= kWriteBatchBytes;
    switch (out_.WriteTo(transport_)) {
      case Transport::Status::kFailed:
      case Transport::Status::kClosed:
        CloseUnwritable();
        return;
      case Transport::Status::kBlocked:
        WaitWritable();
        return;
      case Transport::Status::kOk:
        break;
    }
    if (transport_.has_unsent()) {
      WaitWritable();
      return;
    }
    if (!may_have_more) break;
  }
  OnAllWritten();
}

// The peer may have answered before it went: what is lost here is sent again, though it was done.
void Channel::CloseUnwritable() {
  const std::string reason = transport_.error();
  const bool may_read = when_blocked_ == WhenBlocked::kReadOn && transport_.is_established();
  for (int i = 0; may_read && is_open_ && i < kLastReadsMax; ++i) {
    const Transport::Outcome outcome = transport_.Read(loop().read_buffer());
    if (outcome.status != Transport::Status::kOk) break;
    OnBytes(loop().read_buffer().first(outcome.size));
  }
  Close(reason);
}

// What TLS itself has to say; true when the protocol may speak.
bool Channel::FlushTls() {
  switch (transport_.Flush()) {
    case Transport::Status::kFailed:
    case Transport::Status::kClosed:
      CloseUnwritable();
      return false;
    case Transport::Status::kBlocked:
      WaitWritable();
      return false;
    case Transport::Status::kOk:
      return transport_.is_established();
  }
  return false;
}

}  // namespace router
