#include "bench/load/zstd.h"

#include <zstd.h>

#include <cstdlib>

namespace bench {
namespace {

constexpr int kLevel = 1;  // what the Collector uses
constexpr std::size_t kOutputBytes = 64 * 1024;

}  // namespace

std::vector<std::uint8_t> ZstdCompress(std::span<const std::uint8_t> plain) {
  std::vector<std::uint8_t> out(ZSTD_compressBound(plain.size()));
  const std::size_t size =
      ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), kLevel);
  if (ZSTD_isError(size) != 0) std::abort();  // out of memory
  out.resize(size);
  return out;
}

UnzstdStream::UnzstdStream() : context_(ZSTD_createDCtx()), out_(kOutputBytes) {}

UnzstdStream::~UnzstdStream() { ZSTD_freeDCtx(context_); }

void UnzstdStream::Reset() {
  ZSTD_DCtx_reset(context_, ZSTD_reset_session_only);
  in_ = {};
  failed_ = false;
  finished_ = false;
}

std::span<const std::uint8_t> UnzstdStream::Next() {
  if (failed_ || finished_) return {};
  ZSTD_outBuffer out = {out_.data(), out_.size(), 0};
  ZSTD_inBuffer in = {in_.data(), in_.size(), 0};
  const std::size_t outcome = ZSTD_decompressStream(context_, &out, &in);
  failed_ = ZSTD_isError(outcome) != 0;
  finished_ = outcome == 0;
  in_ = in_.subspan(in.pos);
  return {out_.data(), out.pos};
}

}  // namespace bench
