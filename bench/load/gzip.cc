#include "bench/load/gzip.h"

#include <isa-l/igzip_lib.h>

#include <cstdlib>

namespace bench {
namespace {

constexpr std::size_t kOutputBytes = 64 * 1024;
constexpr std::uint32_t kLevel = 1;

}  // namespace

std::vector<std::uint8_t> GzipCompress(std::span<const std::uint8_t> plain) {
  thread_local std::vector<std::uint8_t> work(ISAL_DEF_LVL1_DEFAULT);
  std::vector<std::uint8_t> out(plain.size() + plain.size() / 8 + 512);
  isal_zstream stream;
  isal_deflate_init(&stream);
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.flush = NO_FLUSH;
  stream.level = kLevel;
  stream.level_buf = work.data();
  stream.level_buf_size = static_cast<std::uint32_t>(work.size());
  stream.next_in = const_cast<std::uint8_t*>(plain.data());  // ISA-L does not write to it
  stream.avail_in = static_cast<std::uint32_t>(plain.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<std::uint32_t>(out.size());
  if (isal_deflate(&stream) != COMP_OK || stream.internal_state.state != ZSTATE_END) std::abort();
  out.resize(stream.total_out);
  return out;
}

GunzipStream::GunzipStream() : state_(std::make_unique<inflate_state>()), out_(kOutputBytes) {
  Reset();
}

void GunzipStream::Reset() {
  isal_inflate_init(state_.get());
  state_->crc_flag = ISAL_GZIP;
  failed_ = false;
}

GunzipStream::~GunzipStream() = default;

void GunzipStream::Feed(std::span<const std::uint8_t> piece) {
  state_->next_in = const_cast<std::uint8_t*>(piece.data());  // ISA-L does not write to it
  state_->avail_in = static_cast<std::uint32_t>(piece.size());
}

std::span<const std::uint8_t> GunzipStream::Next() {
  if (failed_ || finished()) return {};
  state_->next_out = out_.data();
  state_->avail_out = static_cast<std::uint32_t>(out_.size());
  const int outcome = isal_inflate(state_.get());
  if (outcome != ISAL_DECOMP_OK) failed_ = true;
  return {out_.data(), out_.size() - state_->avail_out};
}

bool GunzipStream::finished() const { return state_->block_state == ISAL_BLOCK_FINISH; }

}  // namespace bench
