// Discovery against a scripted DNS server: what a reload takes over, what is logged.
#include "router/app/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/dns_server.h"

namespace router {
namespace {

using dnstest::Addresses;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class DiscoveryTest : public testing::Test {
 protected:
  DiscoveryTest() : usual_logger_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_st>(log_)));
  }
  ~DiscoveryTest() override { spdlog::set_default_logger(usual_logger_); }

  Config WithServer() const {
    Config config;
    config.dns.servers = {{.host = "127.0.0.1", .port = server_.port()}};
    return config;
  }
  Config OfName(const std::string& hostname) const {
    Config config = WithServer();
    config.resolver = Config::DnsResolver{.hostname = hostname};
    return config;
  }
  Config OfList(const std::vector<std::string>& hosts) const {
    Config config = WithServer();
    Config::StaticResolver list;
    for (const std::string& host : hosts) {
      list.hosts.push_back({.name = host, .address = {.host = host, .port = 4317}});
    }
    config.resolver = list;
    return config;
  }

  std::unique_ptr<Discovery> Make(const Config& config) {
    return std::make_unique<Discovery>(
        control_, config, stats_,
        [this](const std::vector<BackendEndpoint>& known) { told_.push_back(NamesOf(known)); },
        [this](const resolver::ResolutionReport&) { ++attempts_; });
  }
  // As a reload does it.
  std::unique_ptr<Discovery> MakeInPlaceOf(std::unique_ptr<Discovery> former,
                                           const Config& config) {
    former->Stop();
    auto next = Make(config);
    next->TakeOverFrom(*former);
    return next;
  }
  static std::vector<std::string> NamesOf(const std::vector<BackendEndpoint>& known) {
    std::vector<std::string> names;
    for (const BackendEndpoint& endpoint : known) names.push_back(endpoint.name);
    return names;
  }
  static std::vector<std::string> KnownTo(Discovery& discovery) {
    return NamesOf(discovery.NameFor(Config::Ring::Algorithm::kSpanring));
  }

  void RunForAttempts(std::size_t count) {
    const std::size_t until = attempts_ + count;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (attempts_ < until) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "attempts: " << attempts_;
      control_.restart();
      control_.run_one_for(std::chrono::milliseconds(100));
    }
  }

  dnstest::DnsServer server_;
  boost::asio::io_context control_;
  ResolverStats stats_;
  std::vector<std::vector<std::string>> told_;
  std::size_t attempts_ = 0;
  std::ostringstream log_;
  std::shared_ptr<spdlog::logger> usual_logger_;
};

// Scenario: a reload changes interval and servers of a DNS name; the next answer has one member of
// three, the one after it and one more likewise.
// Guarantees: decision 0008, rule 2: nobody leaves with the first two answers, and only those that
// three answers lacked with the third.
TEST_F(DiscoveryTest, ReloadOfTheSameNameStillDampsRemovals) {
  server_.Set("backends.test", Addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"}, 1));
  auto discovery = Make(OfName("backends.test."));
  discovery->Start();
  RunForAttempts(1);
  ASSERT_EQ(told_.size(), 1U);

  server_.Set("backends.test", Addresses({"10.0.0.1"}, 1));
  Config changed = OfName("backends.test.");
  std::get<Config::DnsResolver>(changed.resolver).interval = std::chrono::milliseconds(1000);
  changed.dns.servers.push_back(changed.dns.servers.front());
  for (int answer = 1; answer <= 2; ++answer) {
    discovery = MakeInPlaceOf(std::move(discovery), changed);
    discovery->Start();
    RunForAttempts(1);
    EXPECT_EQ(told_.size(), 1U);
    EXPECT_THAT(KnownTo(*discovery),
                ElementsAre("10.0.0.1:4317", "10.0.0.2:4317", "10.0.0.3:4317"));
  }
  RunForAttempts(1);
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_THAT(told_[1], ElementsAre("10.0.0.1:4317"));
}

// Scenario: a reload names another host; another port; SRV records.
// Guarantees: what was known stays until the first answer, which replaces it whole.
TEST_F(DiscoveryTest, ReloadWithAnotherNameTakesTheFirstAnswerWhole) {
  server_.Set("old.test", Addresses({"10.0.0.1", "10.0.0.2"}));
  server_.Set("new.test", Addresses({"10.0.0.3"}));
  auto discovery = Make(OfName("old.test."));
  discovery->Start();
  RunForAttempts(1);
  discovery = MakeInPlaceOf(std::move(discovery), OfName("new.test."));
  EXPECT_THAT(KnownTo(*discovery), ElementsAre("10.0.0.1:4317", "10.0.0.2:4317"));
  discovery->Start();
  RunForAttempts(1);
  EXPECT_THAT(KnownTo(*discovery), ElementsAre("10.0.0.3:4317"));

  Config other_port = OfName("new.test.");
  std::get<Config::DnsResolver>(other_port.resolver).port = 4318;
  std::get<Config::DnsResolver>(other_port.resolver).has_port = true;
  discovery = MakeInPlaceOf(std::move(discovery), other_port);
  discovery->Start();
  RunForAttempts(1);
  EXPECT_THAT(KnownTo(*discovery), ElementsAre("10.0.0.3:4318"));

  dnstest::Script services = Addresses({"10.0.0.4"});
  services.services = {{.target = "old.test", .port = 5000}};
  server_.Set("new.test", services);
  other_port.dns.srv = true;
  discovery = MakeInPlaceOf(std::move(discovery), other_port);
  discovery->Start();
  RunForAttempts(1);
  EXPECT_THAT(KnownTo(*discovery), ElementsAre("10.0.0.1:5000", "10.0.0.2:5000"));
}

// Scenario: a list of a name that does not exist and one that resolves a little later, asked twice.
// Guarantees: one line for the failure; none about the other, which never failed.
TEST_F(DiscoveryTest, LogsTheOutcomeOfEachNameOfAList) {
  dnstest::Script later = Addresses({"10.0.0.1"}, 1);
  later.delay = std::chrono::milliseconds(100);
  server_.Set("good.test", later);
  auto discovery = Make(OfList({"nx.test.", "good.test."}));
  discovery->Start();
  RunForAttempts(3);
  EXPECT_THAT(log_.str(), HasSubstr("resolver: nx.test.: nxdomain"));
  EXPECT_THAT(log_.str(), Not(HasSubstr("resolves again")));
}

// Scenario: two names of a list that do not exist; then one does.
// Guarantees: a line for each, and one for the return.
TEST_F(DiscoveryTest, LogsEveryNameThatFailsAndItsReturn) {
  auto discovery = Make(OfList({"one.test.", "two.test.", "10.0.0.9"}));
  discovery->Start();
  RunForAttempts(3);
  EXPECT_THAT(log_.str(), HasSubstr("resolver: one.test.: nxdomain"));
  EXPECT_THAT(log_.str(), HasSubstr("resolver: two.test.: nxdomain"));
  log_.str("");
  server_.Set("one.test", Addresses({"10.0.0.1"}));
  RunForAttempts(2);
  EXPECT_THAT(log_.str(), HasSubstr("resolver: one.test. resolves again, 1 records"));
  EXPECT_THAT(log_.str(), Not(HasSubstr("two.test.")));
}

// Scenario: reloads that change how DNS or the API server is asked, for each resolver.
// Guarantees: discovery starts anew only for what its resolver uses.
TEST_F(DiscoveryTest, StartsAnewOnlyForWhatTheResolverUses) {
  Config of_kubernetes;
  of_kubernetes.resolver = Config::KubernetesResolver{.service = "collectors"};
  const auto differs = [](const Config& config, auto change) {
    Config changed = config;
    change(changed);
    EXPECT_TRUE(FindsTheSame(config, config));
    return !FindsTheSame(config, changed);
  };
  const auto token = [](Config& config) { config.kubernetes.token_file = "/other"; };
  const auto servers = [](Config& config) { config.dns.servers.clear(); };
  const auto more_servers = [](Config& config) {
    config.dns.servers.push_back({.host = "127.0.0.2", .port = 53});
  };
  const auto srv = [](Config& config) { config.dns.srv = true; };
  const auto ring = [](Config& config) { config.ring.seed = 7; };

  EXPECT_FALSE(differs(OfName("a"), token));
  EXPECT_TRUE(differs(OfName("a"), servers));
  EXPECT_TRUE(differs(OfName("a"), srv));
  EXPECT_FALSE(differs(OfName("a"), ring));
  EXPECT_FALSE(differs(OfList({"a"}), token));
  EXPECT_TRUE(differs(OfList({"a"}), servers));
  EXPECT_FALSE(differs(OfList({"a"}), srv));
  EXPECT_TRUE(differs(of_kubernetes, token));
  EXPECT_TRUE(differs(of_kubernetes, more_servers)) << "its API server may be a name";
  EXPECT_FALSE(differs(of_kubernetes, srv));
  EXPECT_FALSE(FindsTheSame(OfName("a"), OfName("b")));
  EXPECT_FALSE(FindsTheSame(OfName("a"), OfList({"a"})));
}

}  // namespace
}  // namespace router
