// The tls blocks: every key, every fault; nothing of what is secret in a message.
#include "router/app/config_tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/app/config_text.h"
#include "tests/support/test_ca.h"

namespace router {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// As a YAML scalar on one line.
std::string Quoted(const std::string& pem) {
  std::string text = "\"";
  for (const char c : pem) text += c == '\n' ? "\\n" : std::string(1, c);
  return text + '"';
}

std::string With(std::string_view server, std::string_view client) {
  return "receivers: {otlp: {protocols: {grpc: {" + std::string(server) + "}}}}\n" +
         "exporters: {loadbalancing: {protocol: {otlp: {" + std::string(client) +
         "}}, resolver: {static: {hostnames: [a]}}}}\n";
}

Config Read(std::string_view server, std::string_view client) {
  const ConfigReport report = ReadText(With(server, client));
  EXPECT_EQ(Texts(report.faults), "");
  EXPECT_EQ(Texts(report.warnings), "");
  return report.config.value_or(Config());
}

constexpr std::string_view kPlain = "tls: {insecure: true}";

// Scenario: every key of a receiver's block and of an exporter's.
// Guarantees: each arrives in its own field.
TEST(ConfigTlsTest, EveryKeyIsRead) {
  const test::TestCertificate own = test::TestCa::SelfSigned({});
  const Config config = Read(
      "tls: {cert_file: /c, key_file: /k, client_ca_file: /ca, client_ca_file_reload: true, "
      "min_version: '1.3', max_version: 1.3, reload_interval: 1h, "
      "include_system_ca_certs_pool: true, include_insecure_cipher_suites: false, "
      "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384], curve_preferences: [P384]}",
      "tls: {insecure: false, insecure_skip_verify: false, server_name_override: n, "
      "ca_file: /ca, cert_pem: " +
          Quoted(own.cert_pem) + ", key_pem: " + Quoted(own.key_pem) +
          ", max_version: 1.2, include_system_ca_certs_pool: true}");
  TlsSettings server;
  server.cert_file = "/c";
  server.key_file = "/k";
  server.client_ca_file = "/ca";
  server.min_version = TlsVersion::k13;
  server.reload_interval = std::chrono::hours(1);
  server.include_system_ca = true;
  server.cipher_suites = {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"};
  server.curves = {"P384"};
  EXPECT_EQ(config.receiver.tls, server);
  TlsSettings client;
  client.server_name = "n";
  client.ca_file = "/ca";
  client.cert_pem = own.cert_pem;
  client.key_pem = own.key_pem;
  client.max_version = TlsVersion::k12;
  client.include_system_ca = true;
  EXPECT_EQ(config.exporter.tls, client);
}

// Scenario: no tls block for backends, an empty one, insecure: false; insecure: true without and
// with an authority.
// Guarantees: H-02: TLS verified by the authorities of the system unless plaintext was asked for;
// as in the Collector, insecure means nothing beside ca_file.
TEST(ConfigTlsTest, H02PlaintextMustBeAskedFor) {
  for (const std::string_view text : {"", "tls: ", "tls: {}", "tls: {insecure: false}"}) {
    EXPECT_EQ(Read("", text).exporter.tls, TlsSettings()) << text;
  }
  EXPECT_EQ(Read("", kPlain).exporter.tls, std::nullopt);
  EXPECT_EQ(ReadText("exporters: {loadbalancing: {resolver: {static: {hostnames: [a]}}}}")
                .config.value()
                .exporter.tls,
            TlsSettings());
  const ConfigReport both = ReadText(With("", "tls: {insecure: true, ca_file: /ca}"));
  EXPECT_THAT(Texts(both.warnings), HasSubstr("tls.insecure: has no effect beside ca_file"));
  ASSERT_TRUE(both.config);
  EXPECT_EQ(both.config->exporter.tls.value().ca_file, "/ca");
}

// Scenario: a receiver without a tls block, with an empty value for it.
// Guarantees: plaintext, as in the Collector.
TEST(ConfigTlsTest, AReceiverWithoutTls) {
  EXPECT_EQ(Read("", kPlain).receiver.tls, std::nullopt);
  EXPECT_EQ(Read("tls:", kPlain).receiver.tls, std::nullopt);
}

// Scenario: text that is no certificate, no key, no authority; a key of another certificate.
// Guarantees: a fault of the file at its key, since no machine could start with it; not shown.
TEST(ConfigTlsTest, TextThatIsNoPemIsAFault) {
  const test::TestCertificate own = test::TestCa::SelfSigned({});
  const test::TestCertificate other = test::TestCa::SelfSigned({});
  const auto faults_of = [](const std::string& cert, const std::string& key) {
    return Texts(
        ReadText(
            With("tls: {cert_pem: " + Quoted(cert) + ", key_pem: " + Quoted(key) + "}", kPlain))
            .faults);
  };
  EXPECT_EQ(faults_of(own.cert_pem, own.key_pem), "");
  const std::string no_cert = faults_of("GARBAGE", own.key_pem);
  EXPECT_THAT(no_cert, HasSubstr("grpc.tls.cert_pem: has no certificate in PEM form"));
  EXPECT_THAT(no_cert, testing::Not(HasSubstr("GARBAGE")));
  const std::string no_key = faults_of(own.cert_pem, "GARBAGE");
  EXPECT_THAT(no_key, HasSubstr("grpc.tls.key_pem: has no private key in PEM form"));
  EXPECT_THAT(no_key, testing::Not(HasSubstr("GARBAGE")));
  EXPECT_THAT(faults_of(own.cert_pem, other.key_pem),
              HasSubstr("grpc.tls.key_pem: is not the key of the first certificate in cert_pem"));
  EXPECT_THAT(Texts(ReadText(With("", "tls: {ca_pem: GARBAGE}")).faults),
              HasSubstr("otlp.tls.ca_pem: has no certificate in PEM form"));
}

struct Fault {
  std::string_view server;
  std::string_view client;
  std::string_view text;
};

// Scenario: one contradiction or unknown name at a time.
// Guarantees: refused at its key, in the Collector's words where it has some.
TEST(ConfigTlsTest, EveryFaultIsRefused) {
  constexpr Fault kFaults[] = {
      {"tls: {}", kPlain, "grpc.tls: TLS configuration must include both certificate and key for"},
      {"tls: {cert_file: c}", kPlain, "must include both certificate and key for server"},
      {"tls: {key_pem: SECRET}", kPlain, "must include both certificate and key for server"},
      {"tls: {cert_file: c, cert_pem: c, key_file: k}", kPlain,
       "tls.cert_pem: provide either certificate file or PEM, but not both"},
      {"tls: {cert_file: c, key_file: k, key_pem: SECRET}", kPlain,
       "tls.key_pem: provide either key file or PEM, but not both"},
      {"tls: {cert_file: c, key_file: k, min_version: 1.1}", kPlain,
       "tls.min_version: expected one of 1.2, 1.3 (the value is 1.1"},
      {"tls: {cert_file: c, key_file: k, min_version: 1.3, max_version: 1.2}", kPlain,
       "tls.min_version: min_version cannot be greater than max_version"},
      {"tls: {cert_file: c, key_file: k, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}", kPlain,
       "tls.cipher_suites: invalid TLS cipher suite: \"TLS_RSA_WITH_RC4_128_SHA\""},
      {"tls: {cert_file: c, key_file: k, include_insecure_cipher_suites: true}", kPlain,
       "tls.include_insecure_cipher_suites: expected one of false"},
      {"tls: {cert_file: c, key_file: k, curve_preferences: [P224]}", kPlain,
       "tls.curve_preferences: invalid curve type: \"P224\""},
      {"tls: {cert_file: c, key_file: k, tpm: {enabled: true}}", kPlain,
       "tls.tpm: not supported yet: keys in a TPM; use key_file or key_pem"},
      {"tls: {cert_file: c, key_file: k, insecure: true}", kPlain, "tls.insecure: unknown key"},
      {"tls: {cert_file: c, key_file: k, reload_interval: -1s}", kPlain,
       "tls.reload_interval: must not be negative"},
      {"", "tls: {ca_file: c, ca_pem: c}",
       "tls.ca_pem: provide either a CA file or the PEM-encoded string, but not both"},
      {"", "tls: {cert_file: c}", "must include both certificate and key, or neither"},
      {"", "tls: {client_ca_file: c}", "tls.client_ca_file: unknown key"},
  };
  for (const Fault& fault : kFaults) {
    const std::string text = Texts(ReadText(With(fault.server, fault.client)).faults);
    EXPECT_THAT(text, HasSubstr(fault.text));
    EXPECT_THAT(text, testing::Not(HasSubstr("SECRET")));
  }
}

// Scenario: keys that are accepted but deserve a word.
// Guarantees: a warning each, and the file is valid.
TEST(ConfigTlsTest, Warnings) {
  const std::string file = With(
      "tls: {cert_file: c, key_file: k, ca_file: x, "
      "curve_preferences: [X25519MLKEM768, X25519]}",
      "tls: {insecure_skip_verify: true}");
  const ConfigReport report = ReadText(file);
  ASSERT_EQ(Texts(report.faults), "");
  const std::string warnings = Texts(report.warnings);
  EXPECT_THAT(warnings, HasSubstr("grpc.tls.ca_file: has no effect here (clients are verified by "
                                  "client_ca_file)"));
  EXPECT_THAT(warnings, HasSubstr("OpenSSL 3.0 does not have X25519MLKEM768; it is left out"));
  EXPECT_THAT(warnings, HasSubstr("whoever answers at a backend's address gets the spans"));
  EXPECT_THAT(report.config->receiver.tls->curves, ElementsAre("X25519"));
}

}  // namespace
}  // namespace router
