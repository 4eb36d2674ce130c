#include "bench/load/identity.h"

namespace bench {
namespace {

constexpr std::uint64_t kFirst = 0xbf58476d1ce4e5b9;
constexpr std::uint64_t kSecond = 0x94d049bb133111eb;
constexpr std::uint64_t kSalt = 0x9e3779b97f4a7c15;

// The inverse of an odd number modulo 2^64, by Newton's iteration.
constexpr std::uint64_t Inverse(std::uint64_t odd) {
  std::uint64_t inverse = odd;
  for (int i = 0; i < 6; ++i) inverse *= 2 - odd * inverse;
  return inverse;
}

// Undoes x ^= x >> shift.
constexpr std::uint64_t UndoShift(std::uint64_t x, int shift) {
  std::uint64_t result = x;
  for (int done = shift; done < 64; done += shift) result = x ^ (result >> shift);
  return result;
}

constexpr std::uint64_t Mix(std::uint64_t x) {
  x += kSalt;
  x = (x ^ (x >> 30)) * kFirst;
  x = (x ^ (x >> 27)) * kSecond;
  return x ^ (x >> 31);
}

constexpr std::uint64_t Unmix(std::uint64_t x) {
  x = UndoShift(x, 31) * Inverse(kSecond);
  x = UndoShift(x, 27) * Inverse(kFirst);
  return UndoShift(x, 30) - kSalt;
}

static_assert(Unmix(Mix(0)) == 0 && Unmix(Mix(123456789)) == 123456789);
static_assert(kFirst * Inverse(kFirst) == 1 && kSecond * Inverse(kSecond) == 1);

void Store(std::uint64_t value, std::uint8_t* out) {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
}

std::uint64_t Load(const std::uint8_t* in) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = (value << 8) | in[i];
  return value;
}

}  // namespace

TraceId MakeTraceId(std::uint64_t trace_number) {
  TraceId id;
  const std::uint64_t high = Mix(trace_number);
  Store(high, id.data());
  Store(Mix(high), id.data() + 8);
  return id;
}

SpanId MakeSpanId(std::uint64_t span_number) {
  SpanId id;
  Store(Mix(span_number), id.data());
  return id;
}

std::optional<std::uint64_t> TraceNumber(const std::uint8_t* trace_id) {
  const std::uint64_t high = Load(trace_id);
  if (Load(trace_id + 8) != Mix(high)) return std::nullopt;
  return Unmix(high);
}

std::uint64_t SpanNumber(const std::uint8_t* span_id) { return Unmix(Load(span_id)); }

}  // namespace bench
