#include "bench/load/sink_connection.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace bench {
namespace {

constexpr std::uint32_t kStreamsMax = 10'000;
constexpr std::uint64_t kAcknowledgeBytes = std::uint64_t{1} << 30;

// HEADERS, DATA and trailers of an answer, with stream 0.
std::string Answer(const std::string& grpc_status) {
  std::string head = "\x88";  // :status 200
  AppendLiteralHeader("content-type", "application/grpc", head);
  std::string trailers;
  AppendLiteralHeader("grpc-status", grpc_status, trailers);
  std::string out;
  AppendFrame(FrameType::kHeaders, kFlagEndHeaders, 0, head, out);
  if (grpc_status == "0") {
    AppendFrame(FrameType::kData, 0, 0, std::string_view("\0\0\0\0\0", 5), out);
  }
  AppendFrame(FrameType::kHeaders, kFlagEndHeaders | kFlagEndStream, 0, trailers, out);
  return out;
}

void AppendAnswer(std::string_view answer, std::uint32_t stream_id, std::string& out) {
  const std::size_t begin = out.size();
  out.append(answer);
  auto* bytes = reinterpret_cast<std::uint8_t*>(out.data());
  for (std::size_t at = begin; at < out.size();) {
    FrameHeader frame = DecodeFrameHeader(bytes + at);
    frame.stream_id = stream_id;
    EncodeFrameHeader(frame, bytes + at);
    at += kFrameHeaderBytes + frame.length;
  }
}

}  // namespace

SinkConnection::SinkConnection(int fd, SinkListener& listener, std::unique_ptr<Wire> wire)
    : fd_(fd),
      wire_(wire ? std::move(wire) : std::make_unique<PlainWire>(fd)),
      listener_(listener) {
  ++listener_.counters.connections;
  std::string settings;
  AppendSetting(Setting::kMaxConcurrentStreams, kStreamsMax, settings);
  AppendSetting(Setting::kInitialWindowSize, static_cast<std::uint32_t>(kWindowMax), settings);
  AppendFrame(FrameType::kSettings, 0, 0, settings, out_);
  AppendWindowUpdate(0, static_cast<std::uint32_t>(kWindowMax - kWindowDefault), out_);
}

SinkConnection::~SinkConnection() {
  wire_.reset();
  close(fd_);
}

void SinkConnection::OnReadable(std::span<std::uint8_t> buffer) {
  std::uint64_t bytes_read = 0;
  if (reader_.ReadSome(*wire_, buffer, *this, bytes_read) != ReadOutcome::kOpen) closed_ = true;
}

bool SinkConnection::Flush() { return !closed_ && SendSome(*wire_, out_, closed_); }

void SinkConnection::OnHeaders(const FrameHeader& frame, const std::vector<HeaderField>& fields) {
  const auto [it, is_new] = streams_.try_emplace(frame.stream_id, listener_.ledger != nullptr);
  Stream& stream = it->second;
  for (const HeaderField& field : fields) {
    if (field.name == "grpc-encoding") stream.inflate = TakeInflater(field.value);
  }
  if (frame.Has(kFlagEndStream)) Finish(frame.stream_id, stream);
}

// One that has done its work, if there is one: they are large, and making one costs more than a
// body.
std::unique_ptr<InflateStream> SinkConnection::TakeInflater(const std::string& encoding) {
  if (encoding != idle_encoding_) idle_.clear();
  idle_encoding_ = encoding;
  if (idle_.empty()) return MakeInflateStream(encoding);
  std::unique_ptr<InflateStream> inflater = std::move(idle_.back());
  idle_.pop_back();
  inflater->Reset();
  return inflater;
}

void SinkConnection::OnData(const FrameHeader& frame, std::span<const std::uint8_t> payload) {
  unacknowledged_bytes_ += frame.length;
  if (unacknowledged_bytes_ >= kAcknowledgeBytes) {
    AppendWindowUpdate(0, static_cast<std::uint32_t>(unacknowledged_bytes_), out_);
    unacknowledged_bytes_ = 0;
  }
  const auto found = streams_.find(frame.stream_id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  if (stream.valid) Take(stream, payload);
  if (frame.Has(kFlagEndStream)) Finish(frame.stream_id, stream);
}

void SinkConnection::OnControl(const FrameHeader& frame, std::span<const std::uint8_t> payload) {
  if (frame.type == FrameType::kSettings && !frame.Has(kFlagAck)) {
    AppendFrame(FrameType::kSettings, kFlagAck, 0, {}, out_);
  } else if (frame.type == FrameType::kPing && !frame.Has(kFlagAck)) {
    AppendFrame(FrameType::kPing, kFlagAck, 0,
                {reinterpret_cast<const char*>(payload.data()), payload.size()}, out_);
  } else if (frame.type == FrameType::kRstStream) {
    streams_.erase(frame.stream_id);
  }
}

// The gRPC prefix, then the message.
void SinkConnection::Take(Stream& stream, std::span<const std::uint8_t> payload) {
  listener_.counters.body_bytes += payload.size();
  if (stream.prefix_bytes < sizeof(stream.prefix)) {
    const std::size_t take = std::min(sizeof(stream.prefix) - stream.prefix_bytes, payload.size());
    std::copy_n(payload.begin(), take, stream.prefix + stream.prefix_bytes);
    stream.prefix_bytes += take;
    payload = payload.subspan(take);
    if (stream.prefix_bytes < sizeof(stream.prefix)) return;
    stream.left = ReadBigEndian32(stream.prefix + 1);
    if (stream.prefix[0] == 0) stream.inflate.reset();
    if (stream.prefix[0] > 1 || (stream.prefix[0] == 1 && !stream.inflate)) stream.valid = false;
  }
  if (!stream.valid || payload.empty()) return;
  if (payload.size() > stream.left) {
    stream.valid = false;
    return;
  }
  stream.left -= payload.size();
  current_ = &stream;
  stream.valid = Scan(stream, payload);
  current_ = nullptr;
}

bool SinkConnection::Scan(Stream& stream, std::span<const std::uint8_t> message) {
  if (!stream.inflate) return stream.scanner.Feed(message, *this);
  stream.inflate->Feed(message);
  for (;;) {
    const std::span<const std::uint8_t> plain = stream.inflate->Next();
    if (plain.empty()) return !stream.inflate->failed();
    if (!stream.scanner.Feed(plain, *this)) return false;
  }
}

void SinkConnection::OnSpan(const TraceId& trace_id, const SpanId& span_id) {
  ++current_->spans;
  if (listener_.ledger != nullptr) current_->ids.emplace_back(trace_id, span_id);
}

void SinkConnection::Finish(std::uint32_t stream_id, Stream& stream) {
  static const std::string kOk = Answer("0");
  static const std::string kInvalid = Answer("3");
  const bool complete = stream.valid && stream.prefix_bytes == sizeof(stream.prefix) &&
                        stream.left == 0 && stream.scanner.AtEnd() &&
                        (!stream.inflate || stream.inflate->finished());
  SinkCounters& counters = listener_.counters;
  if (complete) {
    ++counters.requests;
    for (const auto& [trace_id, span] : stream.ids) {
      if (listener_.lose_every > 0 && SpanNumber(span.data()) % listener_.lose_every == 0) continue;
      listener_.ledger->Record(listener_.index, trace_id, span);
    }
    counters.spans += stream.spans;
  } else {
    ++counters.malformed;
  }
  AppendAnswer(complete ? kOk : kInvalid, stream_id, out_);
  if (stream.inflate) idle_.push_back(std::move(stream.inflate));
  streams_.erase(stream_id);
}

}  // namespace bench
