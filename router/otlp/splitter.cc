#include "router/otlp/splitter.h"

#include <cassert>
#include <cstring>

#include "router/otlp/wire_reader.h"

namespace router {
namespace {

std::uint32_t GroupBytes(std::uint32_t tag, std::uint32_t content_bytes) {
  return wire::VarintBytes(tag) + wire::VarintBytes(content_bytes) + content_bytes;
}

template <typename T>
std::size_t HeldBytes(const std::vector<T>& vector) {
  return vector.capacity() * sizeof(T);
}

template <typename T>
void ClearAndFree(std::vector<T>& vector) {
  std::vector<T>().swap(vector);
}

std::uint8_t* Append(std::uint8_t* out, const std::uint8_t* from, std::size_t bytes) {
  std::memcpy(out, from, bytes);
  return out + bytes;
}

}  // namespace

std::optional<std::uint16_t> Splitter::SoleOwner(std::span<const std::uint16_t> shard_of_span) {
  if (shard_of_span.empty()) return std::nullopt;
  for (const std::uint16_t shard : shard_of_span) {
    if (shard != shard_of_span.front()) return std::nullopt;
  }
  return shard_of_span.front();
}

void Splitter::Clear() {
  index_ = nullptr;
  shard_of_span_ = {};
  shard_count_ = 0;
  total_bytes_ = 0;
  for (const std::uint16_t shard : present_) shards_[shard] = Shard();
  present_.clear();
  scope_pieces_.clear();
  resource_pieces_.clear();
  scope_ends_.clear();
  resource_ends_.clear();
  if (scratch_bytes() > kScratchKeptBytes) {
    ClearAndFree(shards_);
    ClearAndFree(present_);
    ClearAndFree(scope_pieces_);
    ClearAndFree(resource_pieces_);
    ClearAndFree(scope_ends_);
    ClearAndFree(resource_ends_);
  }
}

std::size_t Splitter::scratch_bytes() const {
  return HeldBytes(shards_) + HeldBytes(present_) + HeldBytes(scope_pieces_) +
         HeldBytes(resource_pieces_) + HeldBytes(scope_ends_) + HeldBytes(resource_ends_);
}

void Splitter::Plan(const SpanIndex& index, std::span<const std::uint16_t> shard_of_span,
                    std::size_t shard_count) {
  assert(shard_of_span.size() == index.span_count());
  Clear();
  index_ = &index;
  shard_of_span_ = shard_of_span;
  shard_count_ = shard_count;
  if (shards_.size() < shard_count) shards_.resize(shard_count);
  std::uint32_t mark = 0;
  for (const SpanIndex::Group& resource : index.resources()) {
    const std::size_t first_resource_piece = resource_pieces_.size();
    const std::uint32_t resource_mark = ++mark;
    for (std::uint32_t i = resource.child_begin; i < resource.child_end; ++i) {
      const SpanIndex::Group& scope = index.scopes()[i];
      const std::size_t first_scope_piece = scope_pieces_.size();
      PlanScope(scope, ++mark);
      for (std::size_t j = first_scope_piece; j < scope_pieces_.size(); ++j) {
        const Piece& piece = scope_pieces_[j];
        Shard& shard = shards_[piece.shard];
        if (shard.resource_mark != resource_mark) {
          shard.resource_mark = resource_mark;
          shard.resource_piece = static_cast<std::uint32_t>(resource_pieces_.size());
          resource_pieces_.push_back({resource.part_bytes, piece.shard});
        }
        resource_pieces_[shard.resource_piece].content_bytes +=
            GroupBytes(scope.tag, piece.content_bytes);
      }
      scope_ends_.push_back(static_cast<std::uint32_t>(scope_pieces_.size()));
    }
    for (std::size_t j = first_resource_piece; j < resource_pieces_.size(); ++j) {
      const Piece& piece = resource_pieces_[j];
      const std::uint32_t bytes = GroupBytes(resource.tag, piece.content_bytes);
      shards_[piece.shard].bytes += bytes;
      total_bytes_ += bytes;
    }
    resource_ends_.push_back(static_cast<std::uint32_t>(resource_pieces_.size()));
  }
  if (!present_.empty()) {
    for (const SpanIndex::Range& part : index.request_parts()) {
      shards_[present_[0]].bytes += part.size();
      total_bytes_ += part.size();
    }
  }
}

void Splitter::PlanScope(const SpanIndex::Group& scope, std::uint32_t mark) {
  const std::span<const SpanIndex::Span> spans = index_->spans();
  for (std::uint32_t i = scope.child_begin; i < scope.child_end; ++i) {
    assert(shard_of_span_[i] < shard_count_);
    Shard& shard = shards_[shard_of_span_[i]];
    if (shard.scope_mark != mark) {
      if (shard.spans == 0) present_.push_back(shard_of_span_[i]);
      shard.scope_mark = mark;
      shard.scope_piece = static_cast<std::uint32_t>(scope_pieces_.size());
      scope_pieces_.push_back({scope.part_bytes, shard_of_span_[i]});
    }
    scope_pieces_[shard.scope_piece].content_bytes += spans[i].field.size();
    ++shard.spans;
  }
}

void Splitter::Write(std::span<std::uint8_t* const> out) {
  assert(index_ != nullptr && out.size() == shard_count_);
  const std::uint8_t* const body = index_->body().data();
  for (const std::uint16_t shard : present_) shards_[shard].out = out[shard];
  if (!present_.empty()) {
    Shard& first = shards_[present_[0]];
    for (const SpanIndex::Range& part : index_->request_parts()) {
      if (first.out == nullptr) break;
      first.out = Append(first.out, body + part.begin, part.size());
    }
  }
  std::uint32_t scope_piece = 0;
  std::uint32_t resource_piece = 0;
  for (std::size_t r = 0; r < resource_ends_.size(); ++r) {
    const SpanIndex::Group& resource = index_->resources()[r];
    for (; resource_piece < resource_ends_[r]; ++resource_piece) {
      OpenGroup(resource, index_->resource_parts(), resource_pieces_[resource_piece]);
    }
    for (std::uint32_t s = resource.child_begin; s < resource.child_end; ++s) {
      const SpanIndex::Group& scope = index_->scopes()[s];
      for (; scope_piece < scope_ends_[s]; ++scope_piece) {
        OpenGroup(scope, index_->scope_parts(), scope_pieces_[scope_piece]);
      }
      CopySpans(scope);
    }
  }
#ifndef NDEBUG
  for (const std::uint16_t shard : present_) {
    assert(out[shard] == nullptr || shards_[shard].out == out[shard] + shards_[shard].bytes);
  }
#endif
}

void Splitter::OpenGroup(const SpanIndex::Group& group, std::span<const SpanIndex::Range> parts,
                         const Piece& piece) {
  const std::uint8_t* const body = index_->body().data();
  std::uint8_t* out = shards_[piece.shard].out;
  if (out == nullptr) return;
  out = wire::WriteVarint(out, group.tag);
  out = wire::WriteVarint(out, piece.content_bytes);
  for (std::uint32_t i = group.part_begin; i < group.part_end; ++i) {
    out = Append(out, body + parts[i].begin, parts[i].size());
  }
  shards_[piece.shard].out = out;
}

// Spans that lie side by side and go to the same shard are copied at once.
void Splitter::CopySpans(const SpanIndex::Group& scope) {
  const std::uint8_t* const body = index_->body().data();
  const std::span<const SpanIndex::Span> spans = index_->spans();
  for (std::uint32_t i = scope.child_begin; i < scope.child_end;) {
    const std::uint16_t shard = shard_of_span_[i];
    const std::uint32_t begin = spans[i].field.begin;
    std::uint32_t end = spans[i].field.end;
    for (++i; i < scope.child_end && shard_of_span_[i] == shard && spans[i].field.begin == end;
         ++i) {
      end = spans[i].field.end;
    }
    if (shards_[shard].out == nullptr) continue;
    shards_[shard].out = Append(shards_[shard].out, body + begin, end - begin);
  }
}

}  // namespace router
