#include "router/otlp/json_codec.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>

#include "router/otlp/json_fault.h"
#include "router/otlp/json_request.h"

namespace router {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// What simdjson takes for `json_bytes`: an index entry of 4 bytes per byte, a text buffer of 5/3,
// and our copy with its padding.
std::size_t ParsingBytes(std::size_t json_bytes) {
  return json_bytes * 7 + 16 * simdjson::SIMDJSON_PADDING;
}

// Bytes charged for as long as this lives.
class Charge {
 public:
  Charge(MemoryAccount& account, std::size_t bytes)
      : account_(account), bytes_(bytes), is_granted_(account.TryCharge(bytes)) {}
  ~Charge() {
    if (is_granted_) account_.Release(bytes_);
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  bool is_granted() const { return is_granted_; }

 private:
  MemoryAccount& account_;
  const std::size_t bytes_;
  const bool is_granted_;
};

}  // namespace

// simdjson wants 64 readable bytes behind the text, so it is given a copy.
struct JsonCodec::Parsing {
  std::unique_ptr<char[]> text;
  std::size_t text_bytes_max = 0;
  ondemand::parser parser;

  [[nodiscard]] bool Reserve(std::size_t bytes) {
    if (bytes <= text_bytes_max) return true;
    text = std::make_unique_for_overwrite<char[]>(bytes + simdjson::SIMDJSON_PADDING);
    text_bytes_max = bytes;
    return parser.allocate(bytes) == simdjson::SUCCESS;
  }
};

JsonCodec::JsonCodec() = default;
JsonCodec::~JsonCodec() = default;

std::optional<JsonFault> JsonCodec::ToWire(std::span<const std::uint8_t> json,
                                           std::size_t output_bytes_max, Body& out) {
  assert(out.size() == 0 && json.size() <= std::numeric_limits<std::uint32_t>::max());
  const std::string_view text(reinterpret_cast<const char*>(json.data()), json.size());
  if (text.starts_with(kByteOrderMark)) {
    return JsonFault{"the body begins with a byte order mark; send UTF-8 without it"};
  }
  const bool is_kept = json.size() <= kKeptJsonBytes;
  const Charge charge(out.account(), is_kept ? 0 : ParsingBytes(json.size()));
  if (!charge.is_granted()) return NoMemoryFault();
  if (!parsing_) parsing_ = std::make_unique<Parsing>();
  const bool is_reserved = parsing_->Reserve(is_kept ? kKeptJsonBytes : json.size());
  std::optional<JsonFault> fault;
  if (is_reserved) {
    char* const copy = parsing_->text.get();
    std::copy(text.begin(), text.end(), copy);
    std::memset(copy + text.size(), ' ', simdjson::SIMDJSON_PADDING);
    fault = JsonRequest({copy, text.size()}, parsing_->parser, output_bytes_max, out).Write();
  } else {
    fault = NoMemoryFault();
  }
  if (!is_kept || !is_reserved) parsing_.reset();
  if (fault) out.Reset();
  return fault;
}

}  // namespace router
