// Which part of a new configuration takes effect at once.
#include "router/app/config_reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>
#include <set>
#include <string>

#include "router/app/config_keys.h"
#include "tests/app/config_text.h"
#include "tests/support/scratch.h"

namespace router {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Config ConfigOf(std::string_view text) {
  const ConfigReport report = ReadText(text);
  EXPECT_EQ(Texts(report.faults), "");
  return report.config.value_or(Config());
}

// A configuration that differs from the smallest one in nothing but `path`; nothing when no value
// of this list does that.
std::optional<Config> ChangedIn(std::string_view path) {
  const Config minimal = ConfigOf(kMinimal);
  for (const char* value :
       {"true", "false", "9", "9999", "1001", "20MiB", "3s", "127.0.0.1:9", "[127.0.0.1]", "none",
        "debug", "collector_v2", "/x", "other", "{a: b}", "[]"}) {
    const ConfigReport report = ReadText(WithKey(path, value));
    if (report.config && *report.config != minimal) return report.config;
  }
  return std::nullopt;
}

// Scenario: every key of the table that can be changed alone, changed alone.
// Guarantees: FM-39: those that the documentation marks wait for a restart and keep their value;
// all others are taken as they are.
TEST(ConfigReloadTest, Fm39TheKeyTableSaysWhatNeedsARestart) {
  const Config running = ConfigOf(kMinimal);
  std::set<std::string_view> at_once;
  std::set<std::string_view> restart;
  for (const ConfigKey& key : AllConfigKeys()) {
    if (key.treatment != Treatment::kHonoured || key.type == ValueType::kSection ||
        key.type == ValueType::kComponents) {
      continue;
    }
    std::optional<Config> wanted = ChangedIn(key.path);
    if (!wanted) continue;
    // A key of one protocol leaves the other out; that is not what is asked here.
    wanted->receiver.has_grpc = wanted->receiver.http.is_enabled = true;
    if (*wanted == running) continue;
    const ReloadPlan plan = PlanReload(running, *wanted);
    EXPECT_FALSE(plan.is_unchanged) << key.path;
    EXPECT_EQ(plan.restart_keys.empty(), !key.needs_restart) << key.path;
    EXPECT_TRUE(plan.config == (key.needs_restart ? running : *wanted)) << key.path;
    (key.needs_restart ? restart : at_once).insert(key.path);
  }
  std::size_t marked = 0;
  for (const ConfigKey& key : AllConfigKeys()) marked += key.needs_restart ? 1 : 0;
  EXPECT_EQ(restart.size(), marked) << "a marked key was not looked at";
  EXPECT_GE(at_once.size(), 25u);
}

// Scenario: a file from which one protocol, with its credentials, TLS and limits, or the health
// check with its path, has gone.
// Guarantees: what listens until a restart keeps all of it: nobody is let in by a reload.
TEST(ConfigReloadTest, ABlockThatWasRemovedKeepsItsCredentials) {
  Config running = ConfigOf(kMinimal);
  running.receiver.auth = running.receiver.http.auth = Config::Auth{.id = "bearertokenauth"};
  running.receiver.tls = running.receiver.http.tls = TlsSettings();
  running.receiver.concurrent_streams_max = 7;
  running.receiver.http.traces_path = "/x";
  running.health.path = "/healthy";

  Config no_http = running;
  no_http.receiver.http = {};
  no_http.receiver.http.is_enabled = false;
  EXPECT_TRUE(PlanReload(running, no_http).config == running);
  EXPECT_EQ(PlanReload(running, no_http).restart_keys,
            std::vector<std::string>{"receivers.otlp.protocols.http"});

  Config no_grpc = running;
  no_grpc.receiver = {};
  no_grpc.receiver.has_grpc = false;
  no_grpc.receiver.http = running.receiver.http;
  no_grpc.receiver.http.traces_path = "/y";
  const ReloadPlan plan = PlanReload(running, no_grpc);
  EXPECT_EQ(plan.config.receiver.http.traces_path, "/y") << "the other one is taken";
  EXPECT_TRUE(plan.config.receiver.auth == running.receiver.auth);
  EXPECT_TRUE(plan.config.receiver.tls == running.receiver.tls);
  EXPECT_EQ(plan.config.receiver.concurrent_streams_max, 7U);
  EXPECT_EQ(plan.restart_keys, std::vector<std::string>{"receivers.otlp.protocols.grpc"});

  Config no_health = running;
  no_health.health = {};
  no_health.health.is_enabled = !running.health.is_enabled;
  EXPECT_TRUE(PlanReload(running, no_health).config == running);
}

// Scenario: the same file again, and one that differs in comments and order.
// Guarantees: nothing has changed.
TEST(ConfigReloadTest, TheSameConfigurationIsUnchanged) {
  const Config running = ConfigOf(kMinimal);
  EXPECT_TRUE(PlanReload(running, running).is_unchanged);
  EXPECT_TRUE(
      PlanReload(running, ConfigOf("# why\nspanring: {}\n" + std::string(kMinimal))).is_unchanged);
}

// Scenario: a new port together with a new header; then the same file once more.
// Guarantees: FM-39: the header is taken, the port waits and is named, each time.
TEST(ConfigReloadTest, WhatCannotChangeHoldsUpNothingElse) {
  const Config running = ConfigOf(kMinimal);
  Config wanted = running;
  wanted.exporter.headers = {{"x", "y"}};
  wanted.receiver.endpoint.port = 5;
  wanted.workers = 7;
  for (int i = 0; i < 2; ++i) {
    const ReloadPlan plan =
        PlanReload(i == 0 ? running : PlanReload(running, wanted).config, wanted);
    EXPECT_THAT(plan.restart_keys,
                ElementsAre("receivers.otlp.protocols.grpc.endpoint", "spanring.workers"));
    EXPECT_EQ(plan.config.exporter.headers, wanted.exporter.headers);
    EXPECT_EQ(plan.config.receiver.endpoint, running.receiver.endpoint);
    EXPECT_FALSE(plan.is_unchanged);
  }
}

// Scenario: the file has become a pipe that nobody writes to, a directory, nothing.
// Guarantees: FM-39: a fault that says so, at once.
TEST(ConfigReloadTest, Fm39OnlyARegularFileIsReadAgain) {
  const test::ScratchDirectory scratch;
  const std::string pipe = scratch.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(Texts(RereadConfigFile(pipe).faults), HasSubstr("pipe: is not a regular file"));
  EXPECT_THAT(Texts(RereadConfigFile(scratch.path()).faults), HasSubstr("not a regular file"));
  EXPECT_THAT(Texts(RereadConfigFile(scratch.path() / "none").faults),
              HasSubstr("cannot be read: No such file"));
  const std::string good = scratch.Write("good.yaml", std::string(kMinimal)).value();
  EXPECT_THAT(RereadConfigFile(good).faults, IsEmpty());
}

}  // namespace
}  // namespace router
