#include "tests/faults/answers.h"

#include "bench/load/frame.h"

namespace faults {
namespace {

using bench::AppendFrame;
using bench::AppendLiteralHeader;
using bench::FrameType;

void AppendVarint(std::uint64_t value, std::string& out) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(0x80 | (value & 0x7f)));
  out.push_back(static_cast<char>(value));
}

void AppendNumber(std::uint32_t field, std::uint64_t value, std::string& out) {
  AppendVarint(field << 3, out);
  AppendVarint(value, out);
}

void AppendText(std::uint32_t field, std::string_view value, std::string& out) {
  AppendVarint(field << 3 | 2, out);
  AppendVarint(value.size(), out);
  out.append(value);
}

void AppendBigEndian32(std::uint32_t value, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<std::uint8_t>(bytes[i + j]) : 0u);
    }
    for (std::size_t j = 0; j < 4 && i + j <= bytes.size(); ++j) {
      out.push_back(kDigits[(group >> (18 - 6 * j)) & 63]);
    }
  }
  return out;
}

// A google.rpc.Status with RetryInfo.
std::string RetryDetails(int grpc_code, int retry_ms) {
  std::string delay;
  if (retry_ms >= 1000) AppendNumber(1, static_cast<std::uint64_t>(retry_ms / 1000), delay);
  AppendNumber(2, static_cast<std::uint64_t>(retry_ms % 1000) * 1'000'000, delay);
  std::string retry_info;
  AppendText(1, delay, retry_info);
  std::string any;
  AppendText(1, "type.googleapis.com/google.rpc.RetryInfo", any);
  AppendText(2, retry_info, any);
  std::string status;
  AppendNumber(1, static_cast<std::uint64_t>(grpc_code), status);
  AppendText(3, any, status);
  return status;
}

std::string Head() {
  std::string block = "\x88";  // :status 200
  AppendLiteralHeader("content-type", "application/grpc", block);
  return block;
}

}  // namespace

void AppendHalfAcceptance(std::uint32_t stream_id, std::string& out) {
  AppendFrame(FrameType::kHeaders, bench::kFlagEndHeaders, stream_id, Head(), out);
}

void AppendAcceptance(std::uint32_t stream_id, std::uint64_t rejected, bool without_trailers,
                      std::string& out) {
  std::string message;
  if (rejected > 0) {
    std::string partial;
    AppendNumber(1, rejected, partial);
    AppendText(2, "the fault backend left some out", partial);
    AppendText(1, partial, message);
  }
  std::string framed(1, '\0');
  AppendBigEndian32(static_cast<std::uint32_t>(message.size()), framed);
  framed += message;
  AppendHalfAcceptance(stream_id, out);
  AppendFrame(FrameType::kData, without_trailers ? bench::kFlagEndStream : std::uint8_t{0},
              stream_id, framed, out);
  if (without_trailers) return;
  std::string trailers;
  AppendLiteralHeader("grpc-status", "0", trailers);
  AppendFrame(FrameType::kHeaders, bench::kFlagEndHeaders | bench::kFlagEndStream, stream_id,
              trailers, out);
}

void AppendRefusal(std::uint32_t stream_id, int grpc_code, int retry_ms, const std::string& message,
                   std::string& out) {
  std::string block = Head();
  AppendLiteralHeader("grpc-status", std::to_string(grpc_code), block);
  AppendLiteralHeader("grpc-message", message, block);
  if (retry_ms >= 0) {
    AppendLiteralHeader("grpc-status-details-bin", Base64(RetryDetails(grpc_code, retry_ms)),
                        block);
  }
  AppendFrame(FrameType::kHeaders, bench::kFlagEndHeaders | bench::kFlagEndStream, stream_id, block,
              out);
}

void AppendReset(std::uint32_t stream_id, std::uint32_t error, std::string& out) {
  std::string payload;
  AppendBigEndian32(error, payload);
  AppendFrame(FrameType::kRstStream, 0, stream_id, payload, out);
}

void AppendGoAway(std::uint32_t last_stream_id, std::string& out) {
  std::string payload;
  AppendBigEndian32(last_stream_id, payload);
  AppendBigEndian32(0, payload);
  AppendFrame(FrameType::kGoAway, 0, 0, payload, out);
}

}  // namespace faults
