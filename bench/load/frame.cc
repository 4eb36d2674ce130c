#include "bench/load/frame.h"

namespace bench {
namespace {

void AppendBigEndian(std::uint32_t value, int bytes, std::string& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

// An HPACK integer after a zero first octet of `prefix_bits` usable bits (RFC 7541 section 5.1).
void AppendHpackLength(std::size_t value, int prefix_bits, std::string& out) {
  const std::size_t prefix_max = (std::size_t{1} << prefix_bits) - 1;
  if (value < prefix_max) {
    out.push_back(static_cast<char>(value));
    return;
  }
  out.push_back(static_cast<char>(prefix_max));
  value -= prefix_max;
  for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(0x80 | (value & 0x7f)));
  out.push_back(static_cast<char>(value));
}

}  // namespace

void EncodeFrameHeader(const FrameHeader& header, std::uint8_t* out) {
  out[0] = static_cast<std::uint8_t>(header.length >> 16);
  out[1] = static_cast<std::uint8_t>(header.length >> 8);
  out[2] = static_cast<std::uint8_t>(header.length);
  out[3] = static_cast<std::uint8_t>(header.type);
  out[4] = header.flags;
  out[5] = static_cast<std::uint8_t>(header.stream_id >> 24);
  out[6] = static_cast<std::uint8_t>(header.stream_id >> 16);
  out[7] = static_cast<std::uint8_t>(header.stream_id >> 8);
  out[8] = static_cast<std::uint8_t>(header.stream_id);
}

std::uint32_t ReadBigEndian32(const std::uint8_t* in) {
  return (std::uint32_t{in[0]} << 24) | (std::uint32_t{in[1]} << 16) | (std::uint32_t{in[2]} << 8) |
         std::uint32_t{in[3]};
}

FrameHeader DecodeFrameHeader(const std::uint8_t* in) {
  FrameHeader header;
  header.length = ReadBigEndian32(in) >> 8;
  header.type = static_cast<FrameType>(in[3]);
  header.flags = in[4];
  header.stream_id = ReadBigEndian32(in + 5) & 0x7fffffff;
  return header;
}

void AppendFrame(FrameType type, std::uint8_t flags, std::uint32_t stream_id,
                 std::string_view payload, std::string& out) {
  std::uint8_t head[kFrameHeaderBytes];
  EncodeFrameHeader({static_cast<std::uint32_t>(payload.size()), type, flags, stream_id}, head);
  out.append(reinterpret_cast<const char*>(head), kFrameHeaderBytes);
  out.append(payload);
}

void AppendSetting(Setting setting, std::uint32_t value, std::string& settings_payload) {
  AppendBigEndian(static_cast<std::uint16_t>(setting), 2, settings_payload);
  AppendBigEndian(value, 4, settings_payload);
}

void AppendWindowUpdate(std::uint32_t stream_id, std::uint32_t increment, std::string& out) {
  std::string payload;
  AppendBigEndian(increment, 4, payload);
  AppendFrame(FrameType::kWindowUpdate, 0, stream_id, payload, out);
}

void AppendLiteralHeader(std::string_view name, std::string_view value, std::string& block) {
  block.push_back(0);  // literal without indexing, new name
  AppendHpackLength(name.size(), 7, block);
  block.append(name);
  AppendHpackLength(value.size(), 7, block);
  block.append(value);
}

}  // namespace bench
