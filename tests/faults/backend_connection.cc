#include "tests/faults/backend_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "bench/load/gzip.h"
#include "bench/load/socket.h"
#include "tests/faults/answers.h"

namespace faults {
namespace {

using bench::AppendFrame;
using bench::FrameHeader;
using bench::FrameType;

constexpr std::uint64_t kAcknowledgeBytes = std::uint64_t{1} << 28;
constexpr std::size_t kPrefixBytes = 5;

std::string SettingsPayload(const Behaviour& behaviour) {
  std::string payload;
  bench::AppendSetting(bench::Setting::kMaxConcurrentStreams, behaviour.streams_max, payload);
  bench::AppendSetting(
      bench::Setting::kInitialWindowSize,
      behaviour.has_closed_windows ? 0 : static_cast<std::uint32_t>(bench::kWindowMax / 2),
      payload);
  return payload;
}

// Takes framing and gzip off. False if it is damaged.
bool Unwrap(const std::string& bytes, bool is_gzip, std::string& body) {
  if (bytes.size() < kPrefixBytes) return false;
  const auto* raw = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const std::span message(raw + kPrefixBytes, bytes.size() - kPrefixBytes);
  if (bench::ReadBigEndian32(raw + 1) != message.size()) return false;
  if (raw[0] == 0) {
    body = bytes.substr(kPrefixBytes);
    return true;
  }
  if (!is_gzip) return false;
  bench::GunzipStream gunzip;
  gunzip.Feed(message);
  for (auto piece = gunzip.Next(); !piece.empty(); piece = gunzip.Next()) {
    body.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  return gunzip.finished() && !gunzip.failed();
}

}  // namespace

BackendConnection::BackendConnection(std::uint64_t id, int fd, const Behaviour& behaviour,
                                     RequestObserver& observer)
    : id_(id), fd_(fd), observer_(observer) {
  AppendFrame(FrameType::kSettings, 0, 0, SettingsPayload(behaviour), out_);
  bench::AppendWindowUpdate(
      0, static_cast<std::uint32_t>(bench::kWindowMax - bench::kWindowDefault), out_);
}

BackendConnection::~BackendConnection() {
  for (const std::uint32_t stream_id : std::exchange(announced_, {})) {
    observer_.OnRequestGone(*this, stream_id);
  }
  close(fd_);
}

void BackendConnection::OnReadable(std::span<std::uint8_t> buffer) {
  std::uint64_t bytes_read = 0;
  if (reader_.ReadSome(fd_, buffer, *this, bytes_read) != bench::ReadOutcome::kOpen) closed_ = true;
}

bool BackendConnection::Flush() {
  if (is_half_closed_) out_.clear();
  if (!closed_ && bench::SendSome(fd_, out_, closed_)) return true;
  if (closed_) return false;
  if (closes_when_flushed_ || (is_going_away_ && announced_.empty() && streams_.empty())) {
    closed_ = true;
  }
  return false;
}

std::string& BackendConnection::Answer(std::uint32_t stream_id) {
  announced_.erase(stream_id);
  return out_;
}

void BackendConnection::SendSettings(const Behaviour& behaviour) {
  AppendFrame(FrameType::kSettings, 0, 0, SettingsPayload(behaviour), out_);
}

void BackendConnection::GoAway(bool is_graceful) {
  if (is_going_away_ || closed_ || is_half_closed_) return;
  is_going_away_ = true;
  last_stream_ = highest_stream_;
  if (!is_graceful) {
    for (const std::uint32_t stream_id : announced_) {
      last_stream_ = std::min(last_stream_, stream_id - 1);
    }
    for (const auto& [stream_id, stream] : streams_) {
      last_stream_ = std::min(last_stream_, stream_id - 1);
    }
    streams_.clear();
    // Announced and not answered: nothing was taken from them, as the GOAWAY says.
    for (const std::uint32_t stream_id : std::exchange(announced_, {})) {
      observer_.OnRequestGone(*this, stream_id);
    }
  }
  AppendGoAway(last_stream_, out_);
}

void BackendConnection::HalfClose() {
  Flush();
  shutdown(fd_, SHUT_WR);
  is_half_closed_ = true;
}

void BackendConnection::ResetTcp() {
  Flush();
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  closed_ = true;
}

void BackendConnection::OnHeaders(const FrameHeader& frame,
                                  const std::vector<bench::HeaderField>& fields) {
  highest_stream_ = std::max(highest_stream_, frame.stream_id);
  if (frame.stream_id > last_stream_) return;
  Stream& stream = streams_[frame.stream_id];
  for (const bench::HeaderField& field : fields) {
    if (field.name == "grpc-encoding") stream.is_gzip = field.value == "gzip";
  }
  if (frame.Has(bench::kFlagEndStream)) Announce(frame.stream_id);
}

void BackendConnection::OnData(const FrameHeader& frame, std::span<const std::uint8_t> payload) {
  unacknowledged_bytes_ += frame.length;
  if (unacknowledged_bytes_ >= kAcknowledgeBytes) {
    bench::AppendWindowUpdate(0, static_cast<std::uint32_t>(unacknowledged_bytes_), out_);
    unacknowledged_bytes_ = 0;
  }
  const auto found = streams_.find(frame.stream_id);
  if (found == streams_.end()) return;
  found->second.bytes.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  if (frame.Has(bench::kFlagEndStream)) Announce(frame.stream_id);
}

void BackendConnection::OnControl(const FrameHeader& frame, std::span<const std::uint8_t> payload) {
  if (frame.type == FrameType::kSettings && !frame.Has(bench::kFlagAck)) {
    AppendFrame(FrameType::kSettings, bench::kFlagAck, 0, {}, out_);
  } else if (frame.type == FrameType::kPing && !frame.Has(bench::kFlagAck)) {
    AppendFrame(FrameType::kPing, bench::kFlagAck, 0,
                {reinterpret_cast<const char*>(payload.data()), payload.size()}, out_);
  } else if (frame.type == FrameType::kRstStream) {
    streams_.erase(frame.stream_id);
    if (announced_.erase(frame.stream_id) > 0) observer_.OnRequestGone(*this, frame.stream_id);
  }
}

void BackendConnection::Announce(std::uint32_t stream_id) {
  const Stream stream = std::move(streams_[stream_id]);
  streams_.erase(stream_id);
  announced_.insert(stream_id);
  std::string body;
  const bool is_readable = Unwrap(stream.bytes, stream.is_gzip, body);
  observer_.OnRequest(*this, stream_id, is_readable ? std::move(body) : std::string(), is_readable);
}

}  // namespace faults
