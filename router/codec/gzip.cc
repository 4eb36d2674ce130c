#include "router/codec/gzip.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cassert>
#include <limits>

#include "router/codec/growing_output.h"

namespace router {
namespace {

constexpr std::size_t kUint32Max = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kGzipOverheadBytes = 64;  // header, trailer, a block header

}  // namespace

GzipCodec::GzipCodec()
    : deflate_(std::make_unique<isal_zstream>()), level_buffer_(ISAL_DEF_LVL1_DEFAULT) {
  isal_deflate_init(deflate_.get());
}

GzipCodec::~GzipCodec() = default;

bool GzipCodec::Deflate(std::span<const std::uint8_t> in, Body& out) {
  assert(in.size() <= kUint32Max);
  isal_deflate_reset(deflate_.get());
  deflate_->level = 1;
  deflate_->level_buf = level_buffer_.data();
  deflate_->level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
  deflate_->gzip_flag = IGZIP_GZIP;
  deflate_->flush = NO_FLUSH;
  deflate_->end_of_stream = 1;
  // ISA-L reads its input through a pointer to non-const; it does not write there.
  deflate_->next_in = const_cast<std::uint8_t*>(in.data());
  deflate_->avail_in = static_cast<std::uint32_t>(in.size());

  GrowingOutput output(out, in.size(), in.size() + in.size() / 256 + kGzipOverheadBytes);
  bool is_granted = false;
  do {
    const std::span<std::uint8_t> room = output.Room();
    is_granted = !room.empty();
    if (!is_granted) break;
    const std::size_t offered = std::min(room.size(), kUint32Max);
    deflate_->next_out = room.data();
    deflate_->avail_out = static_cast<std::uint32_t>(offered);
    [[maybe_unused]] const int code = isal_deflate(deflate_.get());
    assert(code == COMP_OK);
    output.Take(offered - deflate_->avail_out);
  } while (deflate_->internal_state.state != ZSTATE_END);
  if (!is_granted) out.Reset();
  deflate_->next_in = deflate_->next_out = nullptr;
  return is_granted;
}

}  // namespace router
