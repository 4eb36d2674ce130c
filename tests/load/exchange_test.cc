// Generator and sink against each other, over a pair of sockets.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "bench/load/load_connection.h"
#include "bench/load/sink_connection.h"
#include "tests/support/scratch.h"
#include "tests/support/test_ca.h"

namespace bench {
namespace {

constexpr std::uint64_t kSpans = 5000;
constexpr int kTurnsMax = 100'000;

class UpToSpans : public IssueGate {
 public:
  explicit UpToSpans(const LoadResults& results) : results_(results) {}
  bool MayIssue() override { return SpansLeft() > 0; }
  std::uint64_t SpansLeft() override { return kSpans - results_.spans_sent; }

 private:
  const LoadResults& results_;
};

void SpeakTls(WireFactory& client, WireFactory& server) {
  const auto made = router::test::TestCa::SelfSigned({});
  const router::test::ScratchDirectory files;
  const auto certificate = files.Write("cert.pem", made.cert_pem);
  const auto key = files.Write("key.pem", made.key_pem);
  ASSERT_TRUE(certificate && key);
  ASSERT_TRUE(server.SpeakTlsAsServer(certificate->string(), key->string()));
  ASSERT_TRUE(client.SpeakTlsAsClient());
}

struct Exchange {
  LoadResults results;
  SpanLedger ledger;
  SinkListener listener;

  // Runs kSpans spans through one connection to the end of the answers.
  void Run(const std::string& encoding, bool tls = false) {
    listener.ledger = &ledger;
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    UpToSpans gate(results);
    const auto source = MakeFreshSource(
        {.spans_min = 1, .spans_max = 300, .resources_max = 3, .encoding = encoding});
    WireFactory client_wires, server_wires;
    if (tls) SpeakTls(client_wires, server_wires);
    LoadConnection client(fds[0], {.in_flight = 7, .encoding = encoding, .grpc_timeout = "10S"},
                          gate, *source, results, client_wires.Make(fds[0]));
    SinkConnection server(fds[1], listener, server_wires.Make(fds[1]));
    std::vector<std::uint8_t> buffer(FrameReader::kBufferBytes);
    for (int turn = 0; turn < kTurnsMax; ++turn) {
      client.Fill();
      client.Flush();
      server.OnReadable(buffer);
      server.Flush();
      client.OnReadable(buffer);
      if (client.in_flight() == 0 && !gate.MayIssue()) return;
    }
    FAIL() << "not answered after " << kTurnsMax << " turns: " << client.in_flight()
           << " in flight";
  }
};

// Scenario: requests of mixed sizes, seven at a time, plain and compressed.
// Guarantees: every span is acknowledged and recorded exactly once.
TEST(ExchangeTest, EverySpanArrivesOnce) {
  for (const char* encoding : {"", "gzip", "zstd"}) {
    Exchange exchange;
    exchange.Run(encoding);
    EXPECT_TRUE(exchange.results.errors.empty());
    EXPECT_EQ(exchange.results.ok, exchange.results.issued);
    EXPECT_EQ(exchange.results.spans_acknowledged, kSpans);
    EXPECT_EQ(exchange.listener.counters.spans, kSpans);
    EXPECT_EQ(exchange.ledger.distinct(), kSpans);
    EXPECT_EQ(exchange.ledger.duplicates(), 0u);
    EXPECT_EQ(exchange.ledger.foreign(), 0u);
    EXPECT_EQ(exchange.ledger.misplaced_traces(), 0u);
  }
}

// Scenario: the same over TLS, whose records end where no frame does.
// Guarantees: every span is acknowledged and recorded exactly once.
TEST(ExchangeTest, EverySpanArrivesOnceOverTls) {
  Exchange exchange;
  exchange.Run("", true);
  EXPECT_TRUE(exchange.results.errors.empty());
  EXPECT_EQ(exchange.results.spans_acknowledged, kSpans);
  EXPECT_EQ(exchange.ledger.distinct(), kSpans);
  EXPECT_EQ(exchange.ledger.duplicates(), 0u);
}

// Scenario: a sink that forgets every hundredth span it acknowledged.
// Guarantees: the ledger is short by exactly those: the alarm works.
TEST(ExchangeTest, LostSpansShow) {
  Exchange exchange;
  exchange.listener.lose_every = 100;
  exchange.Run("");
  EXPECT_EQ(exchange.results.spans_acknowledged, kSpans);
  EXPECT_EQ(exchange.ledger.distinct(), kSpans - kSpans / 100);
}

}  // namespace
}  // namespace bench
