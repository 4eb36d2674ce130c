// SIGHUP: what a new configuration file does to a running router, and what it does not.
#include <gmock/gmock.h>
#include <signal.h>

#include <numeric>
#include <random>
#include <set>

#include "router/app/config_reader.h"
#include "tests/integration/load.h"
#include "tests/integration/router_test_fixture.h"
#include "tests/support/dns_server.h"
#include "tests/support/test_ca.h"

namespace router::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr seconds kPatience{20};

class ReloadTest : public testing::Test {
 protected:
  void StartBackends(std::size_t count) {
    while (backends_.size() < count) backends_.push_back(GrpcBackend::Start({}).value());
  }
  std::vector<std::string> Endpoints(std::size_t first, std::size_t count) const {
    std::vector<std::string> endpoints;
    for (std::size_t i = first; i < first + count; ++i)
      endpoints.push_back(backends_[i]->endpoint());
    return endpoints;
  }
  void Start(const RunningRouter::Options& options) {
    router_ = std::make_unique<RunningRouter>(options);
    client_ = std::make_unique<GrpcClient>(router_->endpoint());
    ASSERT_TRUE(client_->WaitForConnection(kPatience));
  }
  bool Apply(const RunningRouter::Options& options) {
    return router_->Reload(router_->ConfigText(options), "applied", kPatience);
  }
  // So many traces that every backend owns some of them.
  static ExportRequest ForEveryBackend() {
    std::vector<std::uint64_t> traces(100);
    std::iota(traces.begin(), traces.end(), 1);
    return RequestFor(traces);
  }
  CallResult Export(const ExportRequest& request) { return client_->Export(request); }
  double Metric(const std::string& name) const { return SumOf(router_->Scrape(), name); }
  double Reloads(const std::string& outcome) const {
    return SumOf(router_->Scrape(), "spanring_config_reloads_total",
                 {"outcome=\"" + outcome + "\""});
  }
  // How many connections have brought requests to that backend so far. (A backend that is replaced
  // begins its counters anew, so those do not tell.)
  std::size_t ConnectionsAt(std::size_t backend) const {
    std::set<std::string> peers;
    for (const ReceivedRequest& request : backends_[backend]->requests())
      peers.insert(request.peer);
    return peers.size();
  }
  SpanLedger Received() const {
    SpanLedger ledger;
    for (const auto& backend : backends_) ledger.Merge(backend->ledger());
    return ledger;
  }
  std::string Log() const { return router_->process().Output(); }

  std::vector<std::unique_ptr<GrpcBackend>> backends_;
  std::unique_ptr<RunningRouter> router_;
  std::unique_ptr<GrpcClient> client_;
};

// Scenario: two backends under load; two more join by SIGHUP, then the first two leave.
// Guarantees: every call succeeds, every span arrives, no client connection is closed, and the load
// is where the file says.
TEST_F(ReloadTest, BackendsComeAndGoWithoutAFailedCall) {
  StartBackends(4);
  Start({.backends = Endpoints(0, 2)});
  Load load({router_->endpoint()}, 16);
  const auto more_calls = [&] {
    return router_->WaitUntil([&, until = load.calls() + 200] { return load.calls() > until; },
                              kPatience);
  };
  ASSERT_TRUE(more_calls());
  EXPECT_EQ(backends_[2]->request_count() + backends_[3]->request_count(), 0u);
  ASSERT_TRUE(Apply({.backends = Endpoints(0, 4)}));
  ASSERT_TRUE(router_->WaitForMembers(4, kPatience));
  ASSERT_TRUE(backends_[2]->WaitForRequests(10, kPatience));
  ASSERT_TRUE(backends_[3]->WaitForRequests(10, kPatience));
  ASSERT_TRUE(Apply({.backends = Endpoints(2, 2)}));
  ASSERT_TRUE(router_->WaitForMembers(2, kPatience));
  ASSERT_TRUE(more_calls());
  const std::uint64_t at_removed = backends_[0]->request_count() + backends_[1]->request_count();
  ASSERT_TRUE(more_calls());
  EXPECT_EQ(backends_[0]->request_count() + backends_[1]->request_count(), at_removed);
  load.Stop();
  EXPECT_THAT(load.failures(), IsEmpty());
  EXPECT_EQ(CountLost(load.accepted(), Received()), 0u);
  EXPECT_THAT(Log(), Not(HasSubstr("closed:")));
  EXPECT_EQ(Metric("spanring_client_connections"), 2);
}

// Scenario: another value of a header and a second header, while a request is on its way.
// Guarantees: requests after the reload carry the new ones and no old one; backends are not
// reconnected.
TEST_F(ReloadTest, HeadersReachTheBackends) {
  StartBackends(1);
  RunningRouter::Options options{.backends = Endpoints(0, 1),
                                 .exporter_settings = "headers: {x-tenant: one, x-old: gone}"};
  Start(options);
  backends_[0]->AlwaysAnswer({.delay = milliseconds(300)});
  const auto running = client_->Start(RequestFor({1}).SerializeAsString());
  ASSERT_TRUE(backends_[0]->WaitForRequests(1, kPatience));
  options.exporter_settings = "headers: {X-Tenant: two, x-more: yes}";
  ASSERT_TRUE(Apply(options));
  EXPECT_EQ(Export(RequestFor({2})).code(), 0);
  const CallResult* first = running->Wait(kPatience);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->code(), 0);
  const auto requests = backends_[0]->requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].metadata.find("x-tenant")->second, "one");
  EXPECT_EQ(requests[1].metadata.find("x-tenant")->second, "two");
  EXPECT_EQ(requests[1].metadata.count("x-tenant"), 1u);
  EXPECT_EQ(requests[1].metadata.count("x-more"), 1u);
  EXPECT_EQ(requests[1].metadata.count("x-old"), 0u);
  EXPECT_EQ(ConnectionsAt(0), 1u);
  EXPECT_THAT(Log(), Not(HasSubstr("two"))) << "a header's value is a secret";
}

// Scenario: compression gzip, then none, then gzip; the same 200 KB of one letter each time.
// Guarantees: what is sent shrinks, does not, shrinks.
TEST_F(ReloadTest, CompressionIsSwitched) {
  StartBackends(1);
  RunningRouter::Options options{.backends = Endpoints(0, 1)};
  Start(options);
  const auto bytes_sent = [&] {
    const double before = Metric("spanring_backend_sent_bytes_total");
    EXPECT_EQ(Export(RequestOfSize(200'000)).code(), 0);
    return Metric("spanring_backend_sent_bytes_total") - before;
  };
  EXPECT_LT(bytes_sent(), 20'000);
  options.exporter_settings = "compression: none";
  ASSERT_TRUE(Apply(options));
  EXPECT_GE(bytes_sent(), 200'000);
  options.exporter_settings = "compression: gzip";
  ASSERT_TRUE(Apply(options));
  EXPECT_LT(bytes_sent(), 20'000);
}

// Scenario: a request of 20 MiB with a memory limit of 256 MiB, then 16 MiB, then 256 MiB again.
// Guarantees: it is taken, refused for good because it could never fit, taken; the metric shows the
// limit.
TEST_F(ReloadTest, MemoryLimitMoves) {
  StartBackends(1);
  RunningRouter::Options options{.backends = Endpoints(0, 1),
                                 .spanring_settings = "memory: {limit: 256MiB}"};
  Start(options);
  ExportRequest large;
  for (std::uint64_t trace = 0; trace < 200; ++trace) {
    large.MergeFrom(RequestOfSize(100'000, trace));
  }
  EXPECT_EQ(Export(large).code(), 0);
  options.spanring_settings = "memory: {limit: 16MiB}";
  ASSERT_TRUE(Apply(options));
  EXPECT_EQ(Metric("spanring_memory_budget_limit_bytes"), 16 << 20);
  const CallResult refused = Export(large);
  EXPECT_EQ(refused.code(), grpc::RESOURCE_EXHAUSTED) << refused.status.error_message();
  EXPECT_FALSE(refused.retry_delay.has_value());
  options.spanring_settings = "memory: {limit: 256MiB}";
  ASSERT_TRUE(Apply(options));
  EXPECT_EQ(Export(large).code(), 0);
}

// Scenario: other limits on requests, in both directions, on one connection.
// Guarantees: the next request is held to them.
TEST_F(ReloadTest, RequestLimitsMove) {
  StartBackends(1);
  RunningRouter::Options options{.backends = Endpoints(0, 1)};
  Start(options);
  EXPECT_EQ(Export(RequestFor({1, 2, 3})).code(), 0);
  options.spanring_settings = "request: {spans_max: 2}";
  ASSERT_TRUE(Apply(options));
  EXPECT_EQ(Export(RequestFor({1, 2, 3})).code(), grpc::RESOURCE_EXHAUSTED);
  options.spanring_settings = "request: {default_timeout: 200ms}";
  ASSERT_TRUE(Apply(options));
  EXPECT_EQ(Export(RequestFor({1, 2, 3})).code(), 0);
  backends_[0]->AlwaysAnswer({.delay = seconds(5)});
  EXPECT_EQ(Export(RequestFor({1})).code(), grpc::DEADLINE_EXCEEDED);
  backends_[0]->AlwaysAnswer({});
  options.spanring_settings = "";
  options.grpc_settings = "max_recv_msg_size_mib: 1";
  ASSERT_TRUE(Apply(options));
  EXPECT_EQ(Export(RequestOfSize(2 << 20)).code(), grpc::RESOURCE_EXHAUSTED);
  options.grpc_settings = "max_recv_msg_size_mib: 4";
  ASSERT_TRUE(Apply(options));
  EXPECT_EQ(Export(RequestOfSize(2 << 20)).code(), 0);
}

// Scenario: the ring of a Collector, which hashes other names, in place of the own one, under load,
// and back.
// Guarantees: one new table each time, no reconnect, no failed call; the ring that was there
// before comes back.
TEST_F(ReloadTest, RingIsReplacedInOneStep) {
  StartBackends(3);
  RunningRouter::Options options;
  for (const auto& backend : backends_) {
    options.backends.push_back("[::ffff:127.0.0.1]:" + std::to_string(backend->port()));
  }
  Start(options);
  ASSERT_TRUE(router_->WaitForMembers(3, kPatience));
  const double native = Metric("spanring_ring_fingerprint");
  double generation = Metric("spanring_ring_generation");
  Load load({router_->endpoint()}, 16);
  for (const char* algorithm : {"collector_v2", "spanring"}) {
    options.spanring_settings = std::string("ring: {algorithm: ") + algorithm + "}";
    ASSERT_TRUE(Apply(options));
    ++generation;
    ASSERT_TRUE(router_->WaitUntil([&] { return Metric("spanring_ring_generation") == generation; },
                                   kPatience));
    EXPECT_EQ(Metric("spanring_ring_members"), 3);
    EXPECT_EQ(Metric("spanring_ring_fingerprint") == native,
              std::string_view(algorithm) == "spanring");
    const std::uint64_t calls = load.calls();
    ASSERT_TRUE(router_->WaitUntil([&] { return load.calls() > calls + 100; }, kPatience));
  }
  load.Stop();
  EXPECT_THAT(load.failures(), IsEmpty());
  EXPECT_EQ(CountLost(load.accepted(), Received()), 0u);
  EXPECT_EQ(Metric("spanring_ring_generation"), generation);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(ConnectionsAt(i), 1u);
}

// Scenario: with --watch, without a signal: a file with a backend more takes the place of the first
// by a rename, as kubelet publishes a ConfigMap; then one with a fault; then a good one.
// Guarantees: each is read once, as at SIGHUP; no call fails.
TEST_F(ReloadTest, AWatchedFileIsReadWhenItChanges) {
  StartBackends(2);
  Start({.backends = Endpoints(0, 1), .arguments = {"--watch"}});
  const auto is_counted = [&](const std::string& outcome, double count) {
    return router_->WaitUntil([&] { return Reloads(outcome) == count; }, kPatience);
  };
  router_->WriteConfig(router_->ConfigText({.backends = Endpoints(0, 2)}));
  ASSERT_TRUE(is_counted("applied", 1)) << Log();
  ASSERT_TRUE(router_->WaitForMembers(2, kPatience)) << Log();
  EXPECT_EQ(Export(ForEveryBackend()).code(), 0);
  EXPECT_GT(backends_[1]->ledger().distinct(), 0u);
  router_->WriteConfig("exporters: 7\n");
  ASSERT_TRUE(is_counted("invalid", 1)) << Log();
  EXPECT_EQ(Export(ForEveryBackend()).code(), 0);
  router_->WriteConfig(router_->ConfigText({.backends = Endpoints(1, 1)}));
  ASSERT_TRUE(is_counted("applied", 2)) << Log();
  ASSERT_TRUE(router_->WaitForMembers(1, kPatience)) << Log();
  EXPECT_EQ(Reloads("unchanged"), 0);
  EXPECT_EQ(Reloads("invalid"), 1);
}

// Scenario: with --watch, a file that names a token file which is not there yet; then the token
// comes.
// Guarantees: the reload fails once, in log and metrics; then the file takes effect by itself, and
// the alarm ends.
TEST_F(ReloadTest, AWatchedFileWaitsForTheFilesThatItNames) {
  StartBackends(1);
  ScratchDirectory files;
  const std::string token = files.path() / "token";
  Start({.backends = Endpoints(0, 1), .arguments = {"--watch"}});
  router_->WriteConfig(
      router_->ConfigText({.backends = Endpoints(0, 1),
                           .grpc_settings = "auth: {authenticator: bearertokenauth}",
                           .extension = "bearertokenauth: {filename: " + token + "}"}));
  ASSERT_TRUE(router_->WaitUntil([&] { return Reloads("invalid") == 1; }, kPatience)) << Log();
  EXPECT_EQ(Metric("spanring_config_last_reload_successful"), 0);
  EXPECT_EQ(Export(RequestFor({1})).code(), 0);
  ASSERT_TRUE(files.Write("token", "open-sesame\n"));
  ASSERT_TRUE(router_->WaitUntil([&] { return Reloads("applied") == 1; }, kPatience)) << Log();
  EXPECT_EQ(Metric("spanring_config_last_reload_successful"), 1);
  EXPECT_EQ(Export(RequestFor({2})).code(), grpc::UNAUTHENTICATED);
  EXPECT_EQ(Reloads("invalid"), 1);
  EXPECT_EQ(Log().find("running configuration stays"), Log().rfind("running configuration stays"));
}

// Scenario: without --watch: the key of the receiver is broken, SIGHUP with the file as it is, and
// the key is put right.
// Guarantees: the alarm ends by itself: what the file says is in force.
TEST_F(ReloadTest, TheAlarmEndsWhenTheFilesAreGoodAgain) {
  StartBackends(1);
  ScratchDirectory files;
  const TestCa ca;
  const TestCertificate server = ca.Sign({.names = {"localhost"}});
  const std::string cert = files.Write("cert.pem", server.cert_pem)->string();
  const std::string key = files.Write("key.pem", server.key_pem)->string();
  const RunningRouter::Options options{
      .backends = Endpoints(0, 1),
      .grpc_settings = "tls: {cert_file: " + cert + ", key_file: " + key + "}"};
  router_ = std::make_unique<RunningRouter>(options);
  ASSERT_TRUE(files.Write("key.pem", "broken\n"));
  ASSERT_TRUE(router_->Reload(router_->ConfigText(options), "invalid", kPatience));
  EXPECT_EQ(Metric("spanring_config_last_reload_successful"), 0);
  ASSERT_TRUE(files.Write("key.pem", server.key_pem));
  EXPECT_TRUE(router_->WaitUntil(
      [&] { return Metric("spanring_config_last_reload_successful") == 1; }, kPatience))
      << Log();
  EXPECT_EQ(Reloads("invalid"), 1);
  EXPECT_EQ(Reloads("unchanged"), 1);
}

// Scenario: SIGHUP with another number of workers, once more, and with the former number.
// Guarantees: applied, unchanged, unchanged; the status page tells what waits, and then no more.
TEST_F(ReloadTest, WhatWaitsForARestartCanBeTakenBack) {
  StartBackends(1);
  const std::uint16_t admin = PickFreePort().value();
  const std::string page = ", admin: {endpoint: \"127.0.0.1:" + std::to_string(admin) + "\"}";
  RunningRouter::Options options{.backends = Endpoints(0, 1),
                                 .spanring_settings = "workers: 1" + page};
  Start(options);
  const std::string one = router_->ConfigText(options);
  options.spanring_settings = "workers: 3" + page;
  const std::string three = router_->ConfigText(options);
  const auto told = [&] { return HttpGet("127.0.0.1", admin, "/debug/config", kPatience)->body; };
  ASSERT_TRUE(router_->Reload(three, "applied", kPatience));
  EXPECT_THAT(told(), AllOf(HasSubstr("[\"spanring.workers\"]"), HasSubstr("workers: 3")));
  ASSERT_TRUE(router_->Reload(three, "unchanged", kPatience));
  EXPECT_THAT(told(), HasSubstr("[\"spanring.workers\"]"));
  ASSERT_TRUE(router_->Reload(one, "unchanged", kPatience));
  EXPECT_THAT(told(), AllOf(Not(HasSubstr("\"spanring.workers\"")), HasSubstr("workers: 1")));
  ASSERT_TRUE(router_->Reload(three, "applied", kPatience));
}

// Scenario: SIGHUP 20 times with the file as it is, and once with a comment more.
// Guarantees: counted as unchanged; no backend is reconnected, the ring is the same table.
TEST_F(ReloadTest, UntouchedFileTouchesNothing) {
  StartBackends(2);
  const RunningRouter::Options options{.backends = Endpoints(0, 2)};
  Start(options);
  ASSERT_TRUE(router_->WaitForMembers(2, kPatience));
  EXPECT_EQ(Export(ForEveryBackend()).code(), 0);
  const double generation = Metric("spanring_ring_generation");
  const std::string text = router_->ConfigText(options);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(router_->Reload(text, "unchanged", kPatience));
  ASSERT_TRUE(router_->Reload("# a word\n" + text, "unchanged", kPatience));
  EXPECT_EQ(Reloads("unchanged"), 21);
  EXPECT_EQ(Reloads("applied") + Reloads("invalid"), 0);
  EXPECT_EQ(Metric("spanring_ring_generation"), generation);
  EXPECT_EQ(Export(ForEveryBackend()).code(), 0);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(backends_[i]->request_count(), 2u);
    EXPECT_EQ(ConnectionsAt(i), 1u);
  }
}

// Scenario: another port, another number of workers, and a new header in one file.
// Guarantees: FM-39: the two are named in the log and stay as they are; the header takes effect.
TEST_F(ReloadTest, Fm39WhatNeedsARestartIsNamed) {
  StartBackends(1);
  RunningRouter::Options options{.backends = Endpoints(0, 1)};
  Start(options);
  options.exporter_settings = "headers: {x-new: here}";
  options.spanring_settings = "workers: 3";
  std::string text = router_->ConfigText(options);
  const std::size_t port = text.find(router_->endpoint());
  text.replace(port, router_->endpoint().size(), "127.0.0.1:1");
  ASSERT_TRUE(router_->Reload(text, "applied", kPatience));
  for (const char* key : {"receivers.otlp.protocols.grpc.endpoint", "spanring.workers"}) {
    EXPECT_TRUE(router_->process().WaitForLine(
        "reload: " + std::string(key) + ": a change needs a restart", kPatience))
        << Log();
  }
  EXPECT_EQ(GrpcClient(router_->endpoint()).Export(RequestFor({1})).code(), 0);
  EXPECT_EQ(backends_[0]->requests().at(0).metadata.count("x-new"), 1u);
  EXPECT_EQ(Metric("spanring_config_last_reload_successful"), 1);
}

// `text` with one to four bytes, or pieces, dropped, doubled or replaced.
std::string Mutated(std::string text, std::mt19937& random) {
  const auto below = [&](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
  };
  static constexpr std::string_view kBytes = "{}[]:,\"'#&*%\n\t -9ax\x01\xff";
  for (std::size_t i = 0; i <= below(4); ++i) {
    const std::size_t at = below(text.size());
    switch (below(4)) {
      case 0:
        text.erase(at, 1 + below(20));
        break;
      case 1:
        text.insert(at, 1, kBytes[below(kBytes.size())]);
        break;
      case 2:
        text[at] = kBytes[below(kBytes.size())];
        break;
      case 3:
        text.insert(at, text.substr(below(text.size()), 1 + below(20)));
        break;
    }
    if (text.empty()) return "[";
  }
  return text;
}

// Scenario: 150 files with random damage that makes them invalid, each read by SIGHUP under load;
// then the good one.
// Guarantees: FM-39: every fault of every file is logged with its place, nothing changes,
// nothing fails; the good file ends the alarm.
TEST_F(ReloadTest, Fm39DamagedFilesChangeNothing) {
  StartBackends(2);
  const RunningRouter::Options options{.backends = Endpoints(0, 2),
                                       .exporter_settings = "headers: {x-tenant: one}",
                                       .spanring_settings = "request: {spans_max: 1000}"};
  Start(options);
  ASSERT_TRUE(router_->WaitForMembers(2, kPatience));
  const std::string good = router_->ConfigText(options);
  const double generation = Metric("spanring_ring_generation");
  Load load({router_->endpoint()}, 4);
  constexpr int kFiles = 150;
  std::mt19937 random(39);
  for (int i = 0; i < kFiles; ++i) {
    ConfigReport report;
    std::string text;
    do {
      text = Mutated(good, random);
      report = ReadConfigText(text, router_->config_path(),
                              [](const std::string&) { return std::nullopt; });
    } while (report.config.has_value());
    const std::size_t logged = Log().size();
    ASSERT_TRUE(router_->Reload(text, "invalid", kPatience)) << text;
    const std::string last =
        "reload: " + std::to_string(report.faults.size()) + " errors; the running";
    ASSERT_TRUE(router_->WaitUntil([&] { return Log().find(last, logged) != std::string::npos; },
                                   kPatience))
        << last;
    const std::string said = Log().substr(logged);
    for (const Fault& fault : report.faults) {
      EXPECT_THAT(said, HasSubstr("reload: " + ToText(fault)));
      EXPECT_THAT(ToText(fault), HasSubstr(router_->config_path() + ":"));
    }
  }
  EXPECT_EQ(Reloads("invalid"), kFiles);
  EXPECT_EQ(Reloads("applied") + Reloads("unchanged"), 0);
  EXPECT_EQ(Metric("spanring_config_last_reload_successful"), 0);
  ASSERT_TRUE(router_->Reload(good, "unchanged", kPatience));
  EXPECT_EQ(Metric("spanring_config_last_reload_successful"), 1);
  load.Stop();
  EXPECT_THAT(load.failures(), IsEmpty());
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(ConnectionsAt(i), 1u);
  EXPECT_EQ(Metric("spanring_ring_generation"), generation);
}

// Scenario: SIGHUP with a file that names another backend, during the drain.
// Guarantees: FM-34: ignored with a line in the log; the drain goes on and ends with 0.
TEST_F(ReloadTest, Fm34ReloadDuringTheDrainIsIgnored) {
  StartBackends(2);
  RunningRouter::Options options{.backends = Endpoints(0, 1),
                                 .spanring_settings = "drain: {delay: 60s}"};
  Start(options);
  router_->process().Terminate();
  ASSERT_TRUE(router_->process().WaitForLine("draining: not ready", kPatience));
  options.backends = Endpoints(1, 1);
  router_->WriteConfig(router_->ConfigText(options));
  router_->process().Signal(SIGHUP);
  ASSERT_TRUE(
      router_->process().WaitForLine("reload: ignored, the process is draining", kPatience));
  EXPECT_EQ(Export(RequestFor({1, 2, 3})).code(), 0) << "still serving";
  EXPECT_EQ(backends_[0]->request_count(), 1u);
  EXPECT_EQ(backends_[1]->request_count(), 0u);
  EXPECT_EQ(Reloads("applied"), 0);
  router_->process().Terminate();
  EXPECT_EQ(router_->process().WaitForExit(kPatience), 0) << Log();
}

// Scenario: a static list of host names gets one more, while DNS answers nothing but failures.
// Guarantees: the two that had resolved keep their connections and their place; the third joins
// when DNS is back.
TEST_F(ReloadTest, HostNamesKeepTheirAddressesWhileTheNewListResolves) {
  StartBackends(3);
  dnstest::DnsServer dns;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string host = "backend-" + std::to_string(i);
    dns.Set(host, dnstest::Addresses({"127.0.0.1"}, 1));
    names.push_back(host + ":" + std::to_string(backends_[i]->port()));
  }
  RunningRouter::Options options{
      .backends = {names[0], names[1]},
      .spanring_settings = "dns: {servers: [\"" + dns.address() + "\"]}"};
  Start(options);
  ASSERT_TRUE(router_->WaitForMembers(2, kPatience));
  EXPECT_EQ(Export(ForEveryBackend()).code(), 0);
  dns.SetAll({{"backend-0", dnstest::InMode(dnstest::Mode::kServFail)},
              {"backend-1", dnstest::InMode(dnstest::Mode::kServFail)},
              {"backend-2", dnstest::InMode(dnstest::Mode::kServFail)}});
  const std::size_t asked = dns.queries("backend-2");
  options.backends = names;
  ASSERT_TRUE(Apply(options));
  ASSERT_TRUE(router_->WaitUntil([&] { return dns.queries("backend-2") > asked; }, kPatience));
  EXPECT_EQ(Export(ForEveryBackend()).code(), 0);
  EXPECT_EQ(Metric("spanring_ring_members"), 2);
  // One that resolves again must not cost the other its place.
  dns.Set("backend-0", dnstest::Addresses({"127.0.0.1"}, 1));
  dns.Set("backend-2", dnstest::Addresses({"127.0.0.1"}, 1));
  ASSERT_TRUE(router_->WaitForMembers(3, kPatience));
  EXPECT_EQ(Export(ForEveryBackend()).code(), 0);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(backends_[i]->request_count(), 3u);
    EXPECT_EQ(ConnectionsAt(i), 1u);
  }
}

// Scenario: from a static list to a DNS name that does not exist yet, under load; then it does;
// then back.
// Guarantees: the ring never empties and no call fails.
TEST_F(ReloadTest, ResolverIsReplacedWithoutAGap) {
  const std::vector<std::string> addresses = {"127.0.0.31", "127.0.0.32"};
  const std::uint16_t port = PickFreePort(addresses).value();
  for (const std::string& address : addresses) {
    backends_.push_back(GrpcBackend::Start({.address = address, .port = port}).value());
  }
  dnstest::DnsServer dns;
  const std::string servers = "dns: {servers: [\"" + dns.address() + "\"]}";
  const RunningRouter::Options fixed{.backends = Endpoints(0, 1), .spanring_settings = servers};
  const RunningRouter::Options asked{
      .dns_resolver = "hostname: otelcol-backend, interval: 1s, port: " + std::to_string(port),
      .spanring_settings = servers};
  Start(fixed);
  Load load({router_->endpoint()}, 16);
  ASSERT_TRUE(Apply(asked));
  ASSERT_TRUE(router_->WaitUntil([&] { return dns.queries() > 2; }, kPatience));
  EXPECT_EQ(Metric("spanring_ring_members"), 1);
  dns.Set("otelcol-backend", dnstest::Addresses(addresses, 1));
  ASSERT_TRUE(router_->WaitForMembers(2, kPatience));
  EXPECT_GT(SumOf(router_->Scrape(), "otelcol_loadbalancer_num_resolutions",
                  {"resolver=\"dns\"", "success=\"true\""}),
            0);
  ASSERT_TRUE(backends_[1]->WaitForRequests(10, kPatience));
  ASSERT_TRUE(Apply(fixed));
  ASSERT_TRUE(router_->WaitForMembers(1, kPatience));
  load.Stop();
  EXPECT_THAT(load.failures(), IsEmpty());
  EXPECT_EQ(CountLost(load.accepted(), Received()), 0u);
}

}  // namespace
}  // namespace router::test
