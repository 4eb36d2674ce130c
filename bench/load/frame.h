// HTTP/2 frames by hand: just enough to be a client or a server in a measurement, cheaper than a
// library session and free to send what no library would.
//
// Thread safety: free functions over values.
// Not here: header compression of what we send (literals only; RFC 7541 section 6.2.2), priorities,
// push.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

inline constexpr std::size_t kFrameHeaderBytes = 9;
inline constexpr std::size_t kFramePayloadBytesMax = 16384;  // what every peer must accept
inline constexpr std::int64_t kWindowDefault = 65535;
inline constexpr std::int64_t kWindowMax = 0x7fffffff;
inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum class FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

inline constexpr std::uint8_t kFlagEndStream = 0x1;
inline constexpr std::uint8_t kFlagAck = 0x1;
inline constexpr std::uint8_t kFlagEndHeaders = 0x4;
inline constexpr std::uint8_t kFlagPadded = 0x8;
inline constexpr std::uint8_t kFlagPriority = 0x20;

enum class Setting : std::uint16_t {
  kMaxConcurrentStreams = 3,
  kInitialWindowSize = 4,
  kMaxFrameSize = 5,
};

struct FrameHeader {
  std::uint32_t length = 0;
  FrameType type = FrameType::kData;
  std::uint8_t flags = 0;
  std::uint32_t stream_id = 0;

  bool Has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

// `out` has room for kFrameHeaderBytes.
void EncodeFrameHeader(const FrameHeader& header, std::uint8_t* out);
// `in` holds at least kFrameHeaderBytes.
FrameHeader DecodeFrameHeader(const std::uint8_t* in);

std::uint32_t ReadBigEndian32(const std::uint8_t* in);

// Each appends one whole frame (or, for the last, one header field to a header block).
void AppendFrame(FrameType type, std::uint8_t flags, std::uint32_t stream_id,
                 std::string_view payload, std::string& out);
void AppendSetting(Setting setting, std::uint32_t value, std::string& settings_payload);
void AppendWindowUpdate(std::uint32_t stream_id, std::uint32_t increment, std::string& out);
void AppendLiteralHeader(std::string_view name, std::string_view value, std::string& block);

}  // namespace bench
