// Limits: every bound of the data path that is not a configuration key, by name.
// Thread safety: constants. Each has a test at the limit and one beyond it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace router {

// --- clients ------------------------------------------------------------------------------------
inline constexpr std::size_t kHeaderBlockBytesMax = 64 * 1024;  // one request's headers, decoded
inline constexpr std::uint32_t kServerStreamWindowBytes = 256 * 1024;
// Of one request, before its client is known to be let in (rule H-05): with the preface, the
// headers and the heads of the frames less than 64 KiB. Of who does not wait for our SETTINGS it is
// the 65,535 bytes of HTTP/2 instead.
inline constexpr std::uint32_t kUnknownClientWindowBytes = 60 * 1024;
inline constexpr std::int32_t kServerConnectionWindowBytes = 4 * 1024 * 1024;
// More resets than that are an attack (CVE-2023-44487). nghttp2's own limit, 33 per second, is what
// an honest client with short deadlines reaches when a backend is slow, or every client whose
// requests are refused early.
inline constexpr std::uint64_t kStreamResetBurst = 10'000;
inline constexpr std::uint64_t kStreamResetsPerSecond = 1'000;
inline constexpr std::size_t kHealthRequestBytesMax = 1024;
inline constexpr std::chrono::seconds kPrefaceTimeout{10};  // of SETTINGS; of a header block

// TLS handshakes of one worker's clients: under way at once, each some 50 KiB …
inline constexpr std::size_t kHandshakesMax = 256;
// … of which the oldest is ended for others that wait, once it has had this much time …
inline constexpr std::chrono::seconds kHandshakeGrace{2};
// … the part of its time that they may take while there is nothing else to do, and the part while
// everything else makes it so busy, in the time that they leave.
inline constexpr double kHandshakeShareMax = 0.9;
inline constexpr double kHandshakeShareMin = 0.1;
inline constexpr double kHandshakeBusyLoad = 0.2;
// HTTP/1; over HTTP/2 the first bounds the target.
inline constexpr std::size_t kRequestLineBytesMax = 8 * 1024;
inline constexpr std::size_t kRequestFieldsMax = 200;
inline constexpr std::size_t kChunkExtensionBytesMax = 16 * 1024;  // of all chunks of one request
inline constexpr std::size_t kTrailerBytesMax = 8 * 1024;
// A body must bring so many bytes per second, looked at every kBodyRateWindow.
inline constexpr std::size_t kBodyBytesPerSecondMin = 1024;
inline constexpr std::chrono::seconds kBodyRateWindow{10};
// The rest of a body that nobody wants is read up to this, so that the connection can go on; of a
// longer one, and behind the last answer, only as much as lets the client see the answer.
inline constexpr std::size_t kDiscardedBytesMax = 256 * 1024;
inline constexpr std::size_t kLingerBytesMax = 1024 * 1024;
inline constexpr std::chrono::seconds kLingerMax{2};
// Where credentials are asked for (rule H-05): one read before a request is let in, and what is
// read of a refused body that is long or without known end. With one read before and one that
// passes the bound, less than 64 KiB.
inline constexpr std::size_t kUnknownClientReadBytes = 16 * 1024;
inline constexpr std::size_t kRefusedUploadBytesMax = 32 * 1024;

// A connection whose peer takes no byte for so long is closed, whichever side we are.
inline constexpr std::chrono::seconds kWriteStallMax{30};

// --- backends -----------------------------------------------------------------------------------
inline constexpr std::size_t kBackendsMax = 4096;
inline constexpr std::size_t kResponseBytesMax = 4 * 1024 * 1024;  // a backend's answer, inflated
inline constexpr std::size_t kResponseHeaderBytesMax = 64 * 1024;
inline constexpr std::uint32_t kClientStreamWindowBytes = 64 * 1024;

// --- one request --------------------------------------------------------------------------------

// Bytes sent to all backends together ÷ bytes received: shared resources are repeated per backend.
inline constexpr std::size_t kEgressRatioMax = 16;
// Below this no ratio is looked at.
inline constexpr std::size_t kEgressRatioFloorBytes = 1024 * 1024;
inline constexpr std::size_t kErrorMessageBytesMax = 1024;

// --- the worker loop ----------------------------------------------------------------------------
inline constexpr int kHandlersPerTurnMax = 64;  // then flush, whatever else is ready
// The same for what has been read: what is sent on is still in the processor's cache.
inline constexpr std::size_t kBytesPerTurnMax = 1024 * 1024;
inline constexpr std::chrono::milliseconds kTurnMax{5};  // the same: nothing written waits longer
inline constexpr double kSaturatedLoad = 0.95;  // of a loop: it has no idle time worth the name
inline constexpr std::size_t kReadBufferBytes = 256 * 1024;  // one per worker
inline constexpr std::size_t kWriteBatchBytes = 256 * 1024;  // taken from HTTP/2 per write
inline constexpr std::chrono::milliseconds kTimerTick{5};

}  // namespace router
