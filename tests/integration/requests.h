// Requests that the integration tests send.
// Thread safety: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/span_ledger.h"

namespace router::test {

// 16 bytes that differ for every number, spread over the whole range.
std::string TraceIdOf(std::uint64_t number);

// `spans_each` spans for every number, all in one resource and scope. Span IDs continue from call
// to call of this process, so no two spans are the same.
ExportRequest RequestFor(const std::vector<std::uint64_t>& trace_numbers, int spans_each = 1);

// One span whose request is exactly `bytes` long. REQUIRES: bytes >= 256.
ExportRequest RequestOfSize(std::size_t bytes, std::uint64_t trace_number = 1);

// One span per trace number, with unknown fields of every wire type at every level of the message.
ExportRequest RequestWithUnknownFields(const std::vector<std::uint64_t>& trace_numbers);

// Of this message itself, not of those in it.
int UnknownFieldCount(const google::protobuf::Message& message);

}  // namespace router::test
