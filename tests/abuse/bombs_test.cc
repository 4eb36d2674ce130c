// Small requests that want to be large: bombs of every compression over both faces, and JSON that
// opens more than it closes. What they cost the router is measured, and printed.
#include "tests/abuse/abuse_fixture.h"
#include "tests/codec/packed_format.h"

namespace bench {
namespace {

using std::chrono::microseconds;

constexpr microseconds kBombCpuMax{150'000};
constexpr microseconds kEmptyFramesCpuMax{1'000'000};
constexpr microseconds kJsonCpuMax{10'000};
constexpr std::uint64_t kJsonRiseKibMax = 8 * 1024;
constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;

Body Repeated(const Body& piece, std::size_t count) {
  Body out;
  out.reserve(piece.size() * count);
  for (std::size_t i = 0; i < count; ++i) out.insert(out.end(), piece.begin(), piece.end());
  return out;
}

Body Deflated(std::uint64_t plain_bytes) {
  const Body zeros(kMiB);
  Body out(plain_bytes / 500 + 4096);
  z_stream stream{};
  deflateInit(&stream, Z_BEST_COMPRESSION);
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  for (std::uint64_t at = 0; at < plain_bytes; at += kMiB) {
    stream.next_in = const_cast<Bytef*>(zeros.data());
    stream.avail_in = kMiB;
    deflate(&stream, at + kMiB == plain_bytes ? Z_FINISH : Z_NO_FLUSH);
  }
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Body SnappyFrames(std::uint64_t plain_bytes) {
  const Body chunk = router::SnappyDataChunk(Body(65536), true);
  Body out = router::SnappyIdentifier();
  const Body chunks = Repeated(chunk, plain_bytes / 65536);
  out.insert(out.end(), chunks.begin(), chunks.end());
  return out;
}

struct Bomb {
  const char* what;
  const char* encoding;
  Body body;
  bool is_of_grpc = false;  // gRPC has the encoding, too
};

// A GiB of zeros from about a MiB where the format allows it, else at least twice the limit.
const std::vector<Bomb>& Bombs() {
  static const std::vector<Bomb> bombs = {
      {"gzip", "gzip", router::ZlibGzipOfZeros(1024), true},
      {"gzip members", "gzip", Repeated(GzipBomb(4 * kMiB), 256), true},
      {"deflate", "deflate", Deflated(128 * kMiB)},
      {"zstd", "zstd", router::ZstdPackStreamed(Body(kGiB), 20), true},
      {"zstd frames", "zstd", Repeated(router::ZstdPack(Body(4 * kMiB)), 256), true},
      {"snappy", "snappy", router::SnappyBlock(Body(128 * kMiB)), true},
      {"snappy frames", "x-snappy-framed", SnappyFrames(128 * kMiB)},
      {"lz4", "lz4", router::Lz4Pack(Body(128 * kMiB), 7)},
      {"lz4 frames", "lz4", Repeated(router::Lz4Pack(Body(4 * kMiB), 7), 256)}};
  return bombs;
}

class BombTest : public AbuseTest {
 protected:
  // What `act` costs spanring: the least of three times, as others use the processors. And in
  // rise_kib_ by how much memory rises meanwhile: the most of the three.
  template <typename Act>
  microseconds CpuOf(Act act) {
    microseconds least = microseconds::max();
    for (int i = 0; i < 3; ++i) {
      ResetPeak(spanring_->pid());
      const std::uint64_t resident = PeakKib(spanring_->pid());
      const microseconds before = CpuTime(spanring_->pid());
      act();
      const std::uint64_t rise = PeakKib(spanring_->pid()) - resident;
      rise_kib_ = i == 0 ? rise : std::max(rise_kib_, rise);
      least = std::min(least, CpuTime(spanring_->pid()) - before);
    }
    return least;
  }
  void Check(const std::string& what, microseconds cpu, microseconds cpu_max) {
    std::printf("[  FIGURE  ] %s: %.1f ms of processor time, RSS rise %.1f MiB\n", what.c_str(),
                static_cast<double>(cpu.count()) / 1000, static_cast<double>(rise_kib_) / 1024);
    if (SPANRING_SANITIZED == 0) {
      EXPECT_LE(cpu.count(), cpu_max.count()) << what;
      EXPECT_LE(rise_kib_, kRiseKibMax) << what;
    }
  }
  std::map<int, std::size_t> Post(const std::vector<std::string>& requests) {
    return SendHttp(http_port_, requests, kAnswerDeadline);
  }
  static std::string Describe(const std::map<int, std::size_t>& statuses) {
    std::string out;
    for (const auto& [status, count] : statuses) {
      out += (out.empty() ? "" : ", ") + std::to_string(status) + " x " + std::to_string(count);
    }
    return out;
  }

  std::uint64_t rise_kib_ = 0;
};

// Scenario: requests that inflate to 1 GiB, or to 128 MiB, whole or in many members or frames, in
// every compression of each face.
// Guarantees: RESOURCE_EXHAUSTED and 413, within 150 ms of processor time each, and
// memory rises by no more than the limit and a fifth, with the request itself; over all of them by
// no more than that and what two workers keep of their buffers.
TEST_F(BombTest, A06BombsAreRefusedByBothFaces) {
  constexpr std::uint64_t kKeptKibEach = 12 * 1024;
  setting_.rise_kib_max = kRiseKibMax + 2 * kKeptKibEach;
  for (const Bomb& bomb : Bombs()) {
    const std::string name =
        std::string(bomb.what) + ", " + std::to_string(bomb.body.size() >> 10) + " KiB";
    if (bomb.is_of_grpc) {
      Check(name + ", gRPC", CpuOf([&] {
              const LoadResults results =
                  SendBodies(port_, {.encoding = bomb.encoding}, {bomb.body}, kAnswerDeadline);
              EXPECT_EQ(bench::Describe(results), "grpc 8 x 1") << name;
            }),
            kBombCpuMax);
    }
    const std::vector<std::string> request = {
        HttpPost(bomb.body, "application/x-protobuf", bomb.encoding)};
    Check(name + ", HTTP", CpuOf([&] { EXPECT_EQ(Describe(Post(request)), "413 x 1") << name; }),
          kBombCpuMax);
  }
  report_ = "RSS with all of them, one after the other";
}

// Scenario: a gzip bomb inside one, two and eight gzip members.
// Guarantees: A-07: over HTTP one layer is unpacked; what is in it is no request: 400. Over gRPC a
// few layers may be a client's doing (BodyForm::may_hide_gzip): each is bounded like the first, and
// what is deeper is no request.
TEST_F(BombTest, A07NestedBombsAreRefused) {
  Body nested = router::ZlibGzipOfZeros(1024);
  for (int layers = 1; layers <= 8; ++layers) {
    nested = router::ZlibGzip(nested);
    if (layers > 2 && layers < 8) continue;
    const std::string name = "a bomb in " + std::to_string(layers) + " members";
    Check(name, CpuOf([&] {
            ExpectAll({.encoding = "gzip"}, {nested}, layers == 8 ? "grpc 3" : "grpc 8");
          }),
          kBombCpuMax);
    EXPECT_EQ(Describe(Post({HttpPost(nested, "application/x-protobuf", "gzip")})), "400 x 1");
  }
}

// Scenario: a million empty members or frames, which are together an empty request.
// Guarantees: A-07: each costs at most a second of processor time, and is answered.
TEST_F(BombTest, A07AMillionEmptyFramesTakeNoLongerThanASecond) {
  constexpr std::size_t kMillion = 1'000'000;
  const std::vector<Bomb> bombs = {
      {"gzip members", "gzip", Repeated(router::ZlibGzip(Body()), kMillion), true},
      {"zstd frames", "zstd", Repeated(router::ZstdPack(Body()), kMillion), true},
      {"snappy identifiers", "x-snappy-framed", Repeated(router::SnappyIdentifier(), kMillion)},
      {"lz4 frames", "lz4", Repeated(router::Lz4Pack(Body()), kMillion)}};
  for (const Bomb& bomb : bombs) {
    const std::string name = std::string("a million empty ") + bomb.what;
    std::string said;
    if (bomb.is_of_grpc) {
      const microseconds cpu = CpuOf([&] {
        said = bench::Describe(
            SendBodies(port_, {.encoding = bomb.encoding}, {bomb.body}, kAnswerDeadline));
      });
      Check(name + ", gRPC: " + said, cpu, kEmptyFramesCpuMax);
      EXPECT_TRUE(said == "ok x 1" || said == "grpc 8 x 1" || said == "grpc 3 x 1") << said;
    }
    const std::vector<std::string> request = {
        HttpPost(bomb.body, "application/x-protobuf", bomb.encoding)};
    const microseconds cpu = CpuOf([&] { said = Describe(Post(request)); });
    Check(name + ", HTTP: " + said, cpu, kEmptyFramesCpuMax);
    EXPECT_TRUE(said == "200 x 1" || said == "400 x 1" || said == "413 x 1") << said;
  }
}

class BombsAtOnceTest : public BombTest {
 protected:
  static constexpr std::uint64_t kBudgetKib = 256 * 1024;
  // Decoders, the process itself, and what the allocator holds back.
  static constexpr std::uint64_t kBesideKib = 64 * 1024;
  void SetUp() override {
    setting_.spanring_keys = ", memory: {limit: 256MiB}";
    setting_.rise_kib_max = kBudgetKib + kBesideKib;
    setting_.may_refuse_client = true;
    AbuseTest::SetUp();
  }
};

// Scenario: a memory budget of 256 MiB; a hundred bombs at once, over either face.
// Guarantees: A-06: each is answered, none with success; memory stays within the budget and 64 MiB.
TEST_F(BombsAtOnceTest, A06AHundredBombsStayWithinTheBudget) {
  constexpr std::size_t kCount = 100;
  const LoadResults of_grpc =
      Send({.in_flight = kCount, .encoding = "gzip"}, std::vector<Body>(kCount, Bombs()[0].body));
  EXPECT_EQ(of_grpc.ok, 0u);
  EXPECT_EQ(of_grpc.errors.count("unanswered") + of_grpc.errors.count("closed"), 0u);
  for (const Bomb& bomb : {Bombs()[0], Bombs()[3], Bombs()[7]}) {
    const std::map<int, std::size_t> statuses = Post(std::vector<std::string>(
        kCount, HttpPost(bomb.body, "application/x-protobuf", bomb.encoding)));
    report_ += std::string("; HTTP ") + bomb.what + ": " + Describe(statuses);
    for (const auto& [status, count] : statuses) {
      // 503 and 504: no memory for it, or not in time.
      EXPECT_TRUE(status == 413 || status == 400 || status == 503 || status == 504) << status;
    }
  }
  const std::uint64_t peak = PeakKib(spanring_->pid());
  report_ += "; peak RSS " + std::to_string(peak >> 10) + " MiB";
  if (SPANRING_SANITIZED == 0) {
    EXPECT_LE(peak, kBudgetKib + kBesideKib);
  }
}

// Scenario: JSON of a million "[", and of a million `{"a":`.
// Guarantees: J-09: 400, in less than 10 ms of processor time per MB of it; memory rises by less
// than 8 MiB, beside four times what the request has beyond a MiB: it is read whole first.
TEST_F(BombTest, J09DeepJsonIsRefusedAtOnce) {
  for (const std::string piece : {"[", "{\"a\":"}) {
    const std::vector<std::string> request = {
        HttpPost(Repeated(Body(piece.begin(), piece.end()), 1'000'000), "application/json", "")};
    const microseconds cpu = CpuOf([&] { EXPECT_EQ(Describe(Post(request)), "400 x 1"); });
    Check("a million " + piece, cpu, kJsonCpuMax * piece.size());
    if (SPANRING_SANITIZED == 0) {
      const std::uint64_t beyond_kib = (piece.size() - 1) * 1'000'000 / 1024;
      EXPECT_LT(rise_kib_, kJsonRiseKibMax + 4 * beyond_kib);
    }
  }
}

class SlowHttpTest : public AbuseTest {
 protected:
  void SetUp() override {
    setting_.http_keys = ", read_header_timeout: 1s, read_timeout: 2s, idle_timeout: 1s";
    AbuseTest::SetUp();
  }
};

// Scenario: 500 connections to the port of HTTP: a third says nothing, a third sends a head byte by
// byte, a third half of a body; the time-outs are one and two seconds.
// Guarantees: A-12: all are closed in time, and a good request beside them is answered.
TEST_F(SlowHttpTest, A12SlowClientsOfHttpAreGoneInTime) {
  constexpr std::size_t kCount = 500;
  const auto start = std::chrono::steady_clock::now();
  SlowCrowd crowd(http_port_);
  ASSERT_EQ(crowd.Open(kCount), kCount);
  const std::string good = HttpPost(ValidRequest(0), "application/x-protobuf", "");
  const auto statuses = SendHttp(http_port_, std::vector<std::string>(20, good), kAnswerDeadline);
  EXPECT_EQ(statuses, (std::map<int, std::size_t>{{200, 20}}));
  EXPECT_EQ(crowd.Continue(milliseconds(200), seconds(8)), kCount);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  report_ = "500 slow connections gone after " + std::to_string(took.count()) + " s";
}

}  // namespace
}  // namespace bench
