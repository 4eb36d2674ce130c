#include "bench/load/inflate_stream.h"

#include "bench/load/gzip.h"
#include "bench/load/zstd.h"

namespace bench {

std::unique_ptr<InflateStream> MakeInflateStream(std::string_view encoding) {
  if (encoding == "gzip") return std::make_unique<GunzipStream>();
  if (encoding == "zstd") return std::make_unique<UnzstdStream>();
  return nullptr;
}

std::optional<std::string> Inflate(std::string_view encoding, std::string_view body) {
  const std::unique_ptr<InflateStream> stream = MakeInflateStream(encoding);
  if (!stream) return std::nullopt;
  stream->Feed({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()});
  std::string plain;
  for (auto piece = stream->Next(); !piece.empty(); piece = stream->Next()) {
    plain.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  if (stream->failed() || !stream->finished()) return std::nullopt;
  return plain;
}

}  // namespace bench
