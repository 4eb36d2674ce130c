#include "bench/load/load_connection.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "bench/load/inflate_stream.h"

namespace bench {
namespace {

constexpr std::uint32_t kReceiveWindow = 1u << 30;
constexpr std::uint16_t kSettingHeaderTableSize = 1;
constexpr std::uint32_t kHeaderTableDefault = 4096;
constexpr std::uint32_t kErrorNone = 0;
constexpr std::size_t kIovecsMax = 128;
// RFC 7541: the newest entry of the dynamic table, and the first octets of the two representations
// used.
constexpr std::uint8_t kNewestEntry = 62;
constexpr std::uint8_t kIndexed = 0x80;
constexpr char kLiteralWithIndexing = 0x40;

std::uint16_t ReadBigEndian16(const std::uint8_t* in) {
  return static_cast<std::uint16_t>(in[0] << 8 | in[1]);
}

}  // namespace

LoadConnection::LoadConnection(int fd, const Options& options, IssueGate& gate,
                               RequestSource& source, LoadResults& results,
                               std::unique_ptr<Wire> wire)
    : fd_(fd),
      wire_(wire ? std::move(wire) : std::make_unique<PlainWire>(fd)),
      options_(options),
      gate_(gate),
      source_(source),
      results_(results) {
  std::string settings;
  AppendSetting(Setting::kInitialWindowSize, kReceiveWindow, settings);
  std::string& out = ControlBytes();
  out.append(kClientPreface);
  AppendFrame(FrameType::kSettings, 0, 0, settings, out);
  AppendWindowUpdate(0, kReceiveWindow - static_cast<std::uint32_t>(kWindowDefault), out);
}

LoadConnection::~LoadConnection() {
  wire_.reset();
  close(fd_);
}

std::string& LoadConnection::ControlBytes() {
  const bool appendable =
      !out_.empty() && out_.back().stream_id == 0 && out_.back().borrowed.empty();
  if (!appendable) out_.emplace_back();
  return out_.back().owned;
}

// All fields are the same in every request, so from the second request on each is one octet: as in
// real clients, the peer's cost of decoding headers is small.
std::string LoadConnection::HeaderBlock() {
  std::vector<std::pair<std::string_view, std::string_view>> fields = {
      {":method", "POST"},
      {":scheme", "http"},
      {":path", options_.path},
      {":authority", "spanring.bench"},
      {"te", "trailers"},
      {"content-type", options_.content_type},
      {"user-agent", "spanring-load-generator"},
  };
  if (!options_.encoding.empty()) fields.emplace_back("grpc-encoding", options_.encoding);
  if (!options_.grpc_timeout.empty()) fields.emplace_back("grpc-timeout", options_.grpc_timeout);
  std::string block;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (headers_indexed_) {
      block.push_back(static_cast<char>(kIndexed | (kNewestEntry + fields.size() - 1 - i)));
      continue;
    }
    const std::size_t begin = block.size();
    AppendLiteralHeader(fields[i].first, fields[i].second, block);
    if (peer_indexes_) block[begin] = kLiteralWithIndexing;
  }
  headers_indexed_ = peer_indexes_;
  return block;
}

void LoadConnection::Fill() {
  if (!settings_seen_) return;
  while (!closed_ && in_flight_ < std::min(options_.in_flight, peer_streams_max_) &&
         gate_.MayIssue()) {
    Issue();
  }
  PumpBodies();
}

void LoadConnection::Issue() {
  const std::uint32_t stream_id = next_stream_id_;
  next_stream_id_ += 2;
  Stream& stream = streams_[stream_id];
  stream.request = source_.Next(gate_.SpansLeft());
  const std::uint32_t size =
      options_.announced_bytes.value_or(static_cast<std::uint32_t>(stream.request.bytes.size()));
  stream.prefix[0] = options_.encoding.empty() ? 0 : 1;
  for (int i = 0; i < 4; ++i)
    stream.prefix[1 + i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
  stream.window = peer_initial_window_;
  stream.start = gate_.TakeDue();
  ++in_flight_;
  ++results_.issued;
  results_.spans_sent += stream.request.spans;
  AppendFrame(FrameType::kHeaders, kFlagEndHeaders, stream_id, HeaderBlock(), ControlBytes());
  sending_.push_back(stream_id);
}

void LoadConnection::PumpBodies() {
  for (auto it = sending_.begin(); it != sending_.end() && window_ > 0;) {
    const auto found = streams_.find(*it);
    const bool done =
        found == streams_.end() || found->second.answered || PumpBody(found->first, found->second);
    it = done ? sending_.erase(it) : it + 1;
  }
}

// Queues DATA as far as the windows allow; true when the whole body is queued.
bool LoadConnection::PumpBody(std::uint32_t stream_id, Stream& stream) {
  const std::size_t total = sizeof(stream.prefix) + stream.request.bytes.size();
  while (stream.sent < total) {
    const std::int64_t allowed = std::min(window_, stream.window);
    if (allowed < static_cast<std::int64_t>(sizeof(stream.prefix))) return false;
    const std::size_t size =
        std::min({kFramePayloadBytesMax, static_cast<std::size_t>(allowed), total - stream.sent});
    const bool last = stream.sent + size == total;
    std::uint8_t head[kFrameHeaderBytes];
    EncodeFrameHeader({static_cast<std::uint32_t>(size), FrameType::kData,
                       last ? kFlagEndStream : std::uint8_t{0}, stream_id},
                      head);
    Segment segment;
    segment.owned.assign(reinterpret_cast<const char*>(head), sizeof(head));
    std::size_t from_body = size;
    if (stream.sent == 0) {
      segment.owned.append(reinterpret_cast<const char*>(stream.prefix), sizeof(stream.prefix));
      from_body -= sizeof(stream.prefix);
    }
    const std::size_t body_offset = stream.sent == 0 ? 0 : stream.sent - sizeof(stream.prefix);
    segment.borrowed = stream.request.bytes.subspan(body_offset, from_body);
    segment.stream_id = stream_id;
    out_.push_back(std::move(segment));
    ++stream.queued_segments;
    stream.sent += size;
    stream.window -= static_cast<std::int64_t>(size);
    window_ -= static_cast<std::int64_t>(size);
  }
  return true;
}

bool LoadConnection::Flush() {
  while (!closed_ && !out_.empty()) {
    std::array<iovec, kIovecsMax> iovecs;
    std::size_t count = 0;
    std::size_t skip = out_offset_;
    for (auto it = out_.begin(); it != out_.end() && count + 2 <= iovecs.size(); ++it) {
      const std::size_t owned = it->owned.size();
      if (skip < owned) iovecs[count++] = {it->owned.data() + skip, owned - skip};
      const std::size_t into_body = skip > owned ? skip - owned : 0;
      if (into_body < it->borrowed.size()) {
        // writev does not write to it
        iovecs[count++] = {const_cast<std::uint8_t*>(it->borrowed.data()) + into_body,
                           it->borrowed.size() - into_body};
      }
      skip = 0;
    }
    const ssize_t written = wire_->Write({iovecs.data(), count});
    if (written <= 0) {
      if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
      if (written < 0 && errno == EINTR) continue;
      Close();
      return false;
    }
    results_.bytes_sent += static_cast<std::uint64_t>(written);
    out_offset_ += static_cast<std::size_t>(written);
    while (!out_.empty()) {
      Segment& first = out_.front();
      const std::size_t size = first.owned.size() + first.borrowed.size();
      if (out_offset_ < size) break;
      out_offset_ -= size;
      if (const auto found = streams_.find(first.stream_id); found != streams_.end()) {
        --found->second.queued_segments;
        Drop(first.stream_id);
      }
      out_.pop_front();
    }
  }
  return false;
}

void LoadConnection::OnReadable(std::span<std::uint8_t> buffer) {
  std::uint64_t bytes_read = 0;
  if (reader_.ReadSome(*wire_, buffer, *this, bytes_read) != ReadOutcome::kOpen) Close();
}

void LoadConnection::OnHeaders(const FrameHeader& frame, const std::vector<HeaderField>& fields) {
  const auto found = streams_.find(frame.stream_id);
  if (found == streams_.end() || found->second.answered) return;
  Stream& stream = found->second;
  for (const HeaderField& field : fields) {
    if (field.name == ":status") stream.http_status = field.value;
    if (field.name == "grpc-status") stream.grpc_status = field.value;
    if (field.name == "grpc-message") stream.grpc_message = field.value;
  }
  if (frame.Has(kFlagEndStream)) Judge(frame.stream_id, stream);
}

void LoadConnection::OnData(const FrameHeader& frame, std::span<const std::uint8_t> payload) {
  unacknowledged_bytes_ += frame.length;
  if (unacknowledged_bytes_ > kReceiveWindow / 2) {
    AppendWindowUpdate(0, static_cast<std::uint32_t>(unacknowledged_bytes_), ControlBytes());
    unacknowledged_bytes_ = 0;
  }
  const auto found = streams_.find(frame.stream_id);
  if (found == streams_.end() || found->second.answered) return;
  Stream& stream = found->second;
  stream.message.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  if (frame.Has(kFlagEndStream)) Judge(frame.stream_id, stream);
}

void LoadConnection::OnControl(const FrameHeader& frame, std::span<const std::uint8_t> payload) {
  switch (frame.type) {
    case FrameType::kSettings:
      if (frame.Has(kFlagAck)) return;
      OnSettings(payload);
      AppendFrame(FrameType::kSettings, kFlagAck, 0, {}, ControlBytes());
      return;
    case FrameType::kPing:
      if (frame.Has(kFlagAck)) return;
      AppendFrame(FrameType::kPing, kFlagAck, 0,
                  {reinterpret_cast<const char*>(payload.data()), payload.size()}, ControlBytes());
      return;
    case FrameType::kWindowUpdate: {
      if (payload.size() != 4) return Close();
      const std::int64_t increment = ReadBigEndian32(payload.data()) & 0x7fffffff;
      if (frame.stream_id == 0) {
        window_ += increment;
      } else if (const auto found = streams_.find(frame.stream_id); found != streams_.end()) {
        found->second.window += increment;
      }
      return;
    }
    case FrameType::kRstStream: {
      const auto found = streams_.find(frame.stream_id);
      if (found == streams_.end() || found->second.answered || payload.size() != 4) return;
      const std::uint32_t error = ReadBigEndian32(payload.data());
      Answer(frame.stream_id, found->second, "reset " + std::to_string(error), "");
      return;
    }
    case FrameType::kGoAway:
      peer_streams_max_ = 0;  // no new requests here; the peer finishes or closes
      results_.Fail("goaway", payload.size() < 8
                                  ? ""
                                  : "error " + std::to_string(ReadBigEndian32(payload.data() + 4)) +
                                        " " + std::string(payload.begin() + 8, payload.end()));
      return;
    default:
      return;
  }
}

void LoadConnection::OnSettings(std::span<const std::uint8_t> payload) {
  for (; payload.size() >= 6; payload = payload.subspan(6)) {
    const std::uint16_t id = ReadBigEndian16(payload.data());
    const std::uint32_t value = ReadBigEndian32(payload.data() + 2);
    if (id == kSettingHeaderTableSize && value < kHeaderTableDefault) peer_indexes_ = false;
    if (id == static_cast<std::uint16_t>(Setting::kMaxConcurrentStreams)) peer_streams_max_ = value;
    if (id == static_cast<std::uint16_t>(Setting::kInitialWindowSize)) {
      const std::int64_t change = std::int64_t{value} - peer_initial_window_;
      peer_initial_window_ = value;
      for (auto& [stream_id, stream] : streams_) stream.window += change;
    }
  }
  settings_seen_ = true;
}

void LoadConnection::Judge(std::uint32_t stream_id, Stream& stream) {
  constexpr std::string_view kNothingRejected("\x0a\0", 2);  // an empty partial_success
  std::optional<std::string> body;
  if (stream.message.size() >= sizeof(stream.prefix)) {
    body = stream.message.substr(sizeof(stream.prefix));
    // Servers of gRPC's Go library answer in the encoding they were asked in.
    if (stream.message[0] == 1) body = Inflate(options_.encoding, *body);
  }
  if (stream.http_status != "200") {
    Answer(stream_id, stream, "http " + stream.http_status, stream.grpc_message);
  } else if (stream.grpc_status != "0") {
    Answer(stream_id, stream, "grpc " + stream.grpc_status, stream.grpc_message);
  } else if (!body) {
    Answer(stream_id, stream, "bad_message", "");
  } else if (!body->empty() && body != kNothingRejected) {
    Answer(stream_id, stream, "partial_success", *body);
  } else {
    Answer(stream_id, stream, "", "");
  }
}

// An empty code is a plain OK.
void LoadConnection::Answer(std::uint32_t stream_id, Stream& stream, const std::string& code,
                            const std::string& message) {
  stream.answered = true;
  --in_flight_;
  if (code.empty()) {
    results_.Succeed(stream.request.spans);
    if (gate_.IsMeasured(stream.start)) results_.AddLatency(stream.start);
  } else {
    results_.Fail(code, message);
  }
  const bool body_queued = stream.sent == sizeof(stream.prefix) + stream.request.bytes.size();
  if (!body_queued && !closed_) {
    const std::uint8_t no_error[4] = {0, 0, 0, kErrorNone};
    AppendFrame(FrameType::kRstStream, 0, stream_id,
                {reinterpret_cast<const char*>(no_error), sizeof(no_error)}, ControlBytes());
  }
  Drop(stream_id);
}

// Forgets a stream once it is answered and no queued segment refers to its body.
void LoadConnection::Drop(std::uint32_t stream_id) {
  const auto found = streams_.find(stream_id);
  if (found == streams_.end() || !found->second.answered || found->second.queued_segments > 0)
    return;
  source_.Recycle(std::move(found->second.request));
  streams_.erase(found);
}

void LoadConnection::Close() {
  if (closed_) return;
  closed_ = true;
  out_.clear();
  for (auto& [stream_id, stream] : streams_) {
    if (!stream.answered) results_.Fail("closed", "");
  }
  in_flight_ = 0;
  streams_.clear();
}

}  // namespace bench
