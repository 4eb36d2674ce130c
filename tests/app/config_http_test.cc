// The `http` block of the OTLP receiver.
#include "router/app/config_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "router/app/config_reload.h"
#include "tests/app/config_text.h"

namespace router {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using namespace std::chrono_literals;

std::string WithProtocols(std::string_view protocols) {
  return "receivers: {otlp: {protocols: " + std::string(protocols) + "}}\n" + std::string(kMinimal);
}

// Scenario: no receivers; both protocols; each alone, also empty; none.
// Guarantees: as in the Collector a protocol is on if and only if its key is there; without the
// block both are.
TEST(ConfigHttpTest, AProtocolIsOnWhenItsKeyIsThere) {
  struct Row {
    std::string text;
    bool has_grpc;
    bool has_http;
  };
  for (const Row& row :
       {Row{std::string(kMinimal), true, true}, Row{WithProtocols("{grpc: , http: }"), true, true},
        Row{WithProtocols("{http: {}}"), false, true},
        Row{WithProtocols("{grpc: {}}"), true, false}}) {
    const ConfigReport report = ReadText(row.text);
    ASSERT_EQ(Texts(report.faults), "") << row.text;
    EXPECT_EQ(report.config->receiver.has_grpc, row.has_grpc) << row.text;
    EXPECT_EQ(report.config->receiver.http.is_enabled, row.has_http) << row.text;
  }
  EXPECT_THAT(Texts(ReadText(WithProtocols("{}")).faults), HasSubstr("at least one protocol"));
}

// Scenario: every key with another value than its default.
// Guarantees: each arrives in its own field; names and origins in lower case.
TEST(ConfigHttpTest, EveryKeyIsRead) {
  const ConfigReport report = ReadText(WithProtocols(R"({http: {
    endpoint: "[::]:14318", traces_url_path: t/v1, max_request_body_size: 20971520,
    compression_algorithms: [gzip, zlib], read_header_timeout: 5s, read_timeout: 7s,
    idle_timeout: 9s, keep_alives_enabled: false, include_metadata: false,
    cors: {allowed_origins: [HTTPS://A.example, "http://*.b"], allowed_headers: [X-A, "*"],
           exposed_headers: [X-B, x-c], max_age: 60},
    response_headers: {X-Served-By: me}}})"));
  ASSERT_EQ(Texts(report.faults), "");
  EXPECT_EQ(Texts(report.warnings), "");
  const Config::Http& http = report.config->receiver.http;
  EXPECT_EQ(http.endpoint, (Config::Address{"::", 14318}));
  EXPECT_EQ(http.traces_path, "/t/v1");
  EXPECT_EQ(http.request_bytes_max, 20u << 20);
  EXPECT_THAT(http.compressions, ElementsAre(false, true, true, false, false, false));
  EXPECT_EQ(http.header_timeout, 5s);
  EXPECT_EQ(http.read_timeout, 7s);
  EXPECT_EQ(http.idle_timeout, 9s);
  EXPECT_FALSE(http.is_keep_alive);
  EXPECT_THAT(http.cors.allowed_origins, ElementsAre("https://a.example", "http://*.b"));
  EXPECT_THAT(http.cors.allowed_headers, ElementsAre("x-a", "*"));
  EXPECT_EQ(http.cors.exposed_headers, "x-b, x-c");
  EXPECT_EQ(http.cors.max_age, "60");
  EXPECT_THAT(http.response_headers, ElementsAre(Pair("x-served-by", "me")));
}

// Scenario: values that cannot be served.
// Guarantees: each is refused with its key.
TEST(ConfigHttpTest, FaultsNameTheKey) {
  const std::pair<const char*, const char*> rows[] = {
      {"{endpoint: 4318}", "http.endpoint"},
      {"{traces_url_path: \"/a?b\"}", "http.traces_url_path"},
      {"{traces_url_path: /a b}", "http.traces_url_path"},
      {"{compression_algorithms: [br]}", "http.compression_algorithms"},
      {"{cors: {allowed_origins: [\"*.*\"]}}", "http.cors.allowed_origins"},
      {"{cors: {allowed_origins: [\"https://a.example/\"]}}", "no slash at the end"},
      {"{cors: {allowed_origins: [b.example]}}", "an origin is scheme://host[:port]"},
      {"{cors: {allowed_origins: [\"https://\"]}}", "an origin is scheme://host[:port]"},
      {"{cors: {allowed_origins: [\"https://a:x\"]}}", "an origin is scheme://host[:port]"},
      {"{cors: {allowed_origins: [\"https://*.a/b\"]}}", "an origin is scheme://host[:port]"},
      {"{cors: {allowed_headers: [\"a b\"]}}", "http.cors.allowed_headers"},
      {"{cors: {max_age: 100000}}", "http.cors.max_age"},
      {"{response_headers: {content-length: 3}}", "http.response_headers.content-length"},
      {"{max_request_body_size: 100}", "http.max_request_body_size"},
      {"{include_metadata: true}", "http.include_metadata"},
      {"{idle_timeout: 1ms}", "http.idle_timeout"},
      {"{compresion_algorithms: []}", "unknown key (did you mean compression_algorithms?)"}};
  for (const auto& [text, fault] : rows) {
    const ConfigReport report = ReadText(WithProtocols("{http: " + std::string(text) + "}"));
    EXPECT_THAT(Texts(report.faults), HasSubstr(fault)) << text;
  }
}

// Scenario: origins with a port, with an IPv6 address, with a `*` in every place; `null`.
// Guarantees: all are taken.
TEST(ConfigHttpTest, OriginsAndPatternsAreTaken) {
  const ConfigReport report = ReadText(
      WithProtocols("{http: {cors: {allowed_origins: [\"https://a:8443\", \"http://[::1]:3000\", "
                    "\"*\", \"https://*.a.example\", \"http://localhost:*\", \"*.a.example\", "
                    "\"*://a.example\", \"null\"]}}}"));
  EXPECT_EQ(Texts(report.faults), "");
}

// Scenario: keys of the Collector that do nothing here.
// Guarantees: accepted, with a note.
TEST(ConfigHttpTest, WhatHasNoEffectIsANote) {
  const ConfigReport report = ReadText(
      WithProtocols("{http: {metrics_url_path: /m, logs_url_path: /l, write_timeout: 5s}}"));
  EXPECT_EQ(Texts(report.faults), "");
  EXPECT_THAT(Texts(report.warnings), HasSubstr("http.metrics_url_path"));
  EXPECT_THAT(Texts(report.warnings), HasSubstr("http.logs_url_path"));
  EXPECT_THAT(Texts(report.warnings), HasSubstr("http.write_timeout"));
}

// Scenario: a reload that moves the port, another that switches HTTP off, a third that changes the
// limits.
// Guarantees: the first two are named as needing a restart; the third is taken over.
TEST(ConfigHttpTest, ReloadKeepsPortsAndTakesLimits) {
  const Config running = *ReadText(kMinimal).config;
  Config moved = running;
  moved.receiver.http.endpoint.port = 9;
  EXPECT_THAT(PlanReload(running, moved).restart_keys,
              ElementsAre("receivers.otlp.protocols.http.endpoint"));
  Config off = running;
  off.receiver.http.is_enabled = false;
  EXPECT_THAT(PlanReload(running, off).restart_keys, ElementsAre("receivers.otlp.protocols.http"));
  Config smaller = running;
  smaller.receiver.http.request_bytes_max = 1 << 20;
  const ReloadPlan plan = PlanReload(running, smaller);
  EXPECT_TRUE(plan.restart_keys.empty());
  EXPECT_EQ(plan.config.receiver.http.request_bytes_max, 1u << 20);
}

}  // namespace
}  // namespace router
