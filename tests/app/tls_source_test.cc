// Certificates that are read, and read again.
#include "router/app/tls_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/scratch.h"
#include "tests/support/test_ca.h"

namespace router {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;

class TlsSourceTest : public testing::Test {
 protected:
  TlsSourceTest() {
    Write(ca_.Sign({.names = {"a"}, .valid_until = hours(24)}));
    settings_.cert_file = scratch_.path() / "tls.crt";
    settings_.key_file = scratch_.path() / "tls.key";
  }
  // By renaming, as everybody should.
  void Put(const std::string& name, const std::string& text) {
    const std::string next = scratch_.Write("next", text).value();
    std::filesystem::rename(next, scratch_.path() / name);
  }
  void Write(const test::TestCertificate& made) {
    Put("tls.crt", made.cert_pem);
    Put("tls.key", made.key_pem);
  }
  std::string LoadError() {
    const Result<void> done = source_.Load(settings_, "k", now_);
    return done ? "" : done.error().message;
  }
  hours Lifetime() const {
    const auto left = source_.stats().certificates.at(0).expires - std::chrono::system_clock::now();
    return std::chrono::round<hours>(left);
  }

  test::ScratchDirectory scratch_;
  test::TestCa ca_;
  TlsSettings settings_;
  TimePoint now_ = TimePoint{} + hours(1);
  TlsSource source_{TlsSource::Side::kServer};
};

// Scenario: files that are missing, are a directory, are no PEM, are too large, of somebody else,
// encrypted.
// Guarantees: the message names key, file and reason; the configuration that was stays.
TEST_F(TlsSourceTest, EveryFaultOfAFileIsNamed) {
  EXPECT_EQ(LoadError(), "");
  const TlsContext::Ptr first = source_.context();
  const std::string cert = settings_.cert_file;
  const std::string key = settings_.key_file;
  Put("tls.key", ca_.Sign({}).key_pem);
  EXPECT_EQ(LoadError(), "k: key_file " + key + ": does not belong to the certificate in " + cert);
  Put("tls.key",
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_THAT(LoadError(), HasSubstr("k: key_file " + key + ": "));
  Put("tls.key", "none");
  EXPECT_THAT(LoadError(), HasSubstr(key + ": has no private key in PEM form"));
  Put("tls.crt", "none");
  EXPECT_THAT(LoadError(), HasSubstr("cert_file " + cert + ": has no certificate in PEM form"));
  Put("tls.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(LoadError(), HasSubstr(cert + ": a certificate in it cannot be read"));
  Put("tls.crt", std::string((1 << 20) + 1, 'x'));
  EXPECT_THAT(LoadError(), HasSubstr(cert + ": is larger than 1 MiB"));
  std::filesystem::remove(cert);
  EXPECT_EQ(LoadError(), "k: cert_file " + cert + ": No such file or directory");
  settings_.cert_file = scratch_.path();
  EXPECT_THAT(LoadError(), HasSubstr(": is not a regular file"));
  EXPECT_EQ(source_.context(), first);
}

// Scenario: an encrypted key as openssl writes it.
// Guarantees: refused with the reason; nobody is asked for a passphrase.
TEST_F(TlsSourceTest, AnEncryptedKeyIsRefused) {
  const std::string made = test::EncryptedKey(ca_.Sign({}).key_pem);
  Put("tls.key", made);
  EXPECT_THAT(LoadError(), HasSubstr("is encrypted; a key without a passphrase is needed"));
}

// Scenario: the same as texts instead of files.
// Guarantees: the message names the key, never the text.
TEST_F(TlsSourceTest, TextsInsteadOfFiles) {
  const test::TestCertificate made = ca_.Sign({});
  settings_ = {};
  settings_.cert_pem = made.cert_pem;
  settings_.key_pem = "SECRET";
  EXPECT_THAT(LoadError(), testing::AllOf(HasSubstr("k: key_pem: has no private key"),
                                          testing::Not(HasSubstr("SECRET"))));
  settings_.key_pem = made.key_pem;
  EXPECT_EQ(LoadError(), "");
}

// Scenario: certificate and key are replaced, one poll apart; then by swapping a link, as
// Kubernetes does.
// Guarantees: H-04: taken when both have been there for a poll, without a failure in between.
TEST_F(TlsSourceTest, H04ChangedFilesAreTakenWhenTheyAreSteady) {
  ASSERT_EQ(LoadError(), "");
  EXPECT_FALSE(source_.Poll(now_));
  const test::TestCertificate next = ca_.Sign({.valid_until = hours(48)});
  Put("tls.crt", next.cert_pem);
  EXPECT_FALSE(source_.Poll(now_)) << "the key is missing yet";
  Put("tls.key", next.key_pem);
  EXPECT_FALSE(source_.Poll(now_));
  const TlsContext::Ptr former = source_.context();
  EXPECT_TRUE(source_.Poll(now_));
  EXPECT_NE(source_.context(), former);
  EXPECT_EQ(Lifetime(), hours(48));
  EXPECT_FALSE(source_.Poll(now_)) << "nothing has changed any more";
  EXPECT_EQ(source_.stats().reloads, 1U);

  const test::TestCertificate linked = ca_.Sign({.valid_until = hours(72)});
  std::filesystem::create_directory(scratch_.path() / "data2");
  Put("data2/tls.crt", linked.cert_pem);
  Put("data2/tls.key", linked.key_pem);
  for (const char* name : {"tls.crt", "tls.key"}) {
    std::filesystem::create_symlink(scratch_.path() / "data2" / name, scratch_.path() / "link");
    std::filesystem::rename(scratch_.path() / "link", scratch_.path() / name);
  }
  EXPECT_FALSE(source_.Poll(now_));
  EXPECT_TRUE(source_.Poll(now_));
  EXPECT_EQ(Lifetime(), hours(72));
  EXPECT_EQ(source_.stats().failed_reloads, 0U);
}

// Scenario: the new file is broken; later it is good.
// Guarantees: the old certificate stays, the failure is counted once and not every second.
TEST_F(TlsSourceTest, H04ABrokenFileChangesNothing) {
  ASSERT_EQ(LoadError(), "");
  const TlsContext::Ptr first = source_.context();
  Put("tls.crt", "broken");
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(source_.Poll(now_));
  EXPECT_EQ(source_.context(), first);
  EXPECT_EQ(source_.stats().failed_reloads, 1U);
  Write(ca_.Sign({}));
  EXPECT_FALSE(source_.Poll(now_));
  EXPECT_TRUE(source_.Poll(now_));
  EXPECT_EQ(source_.stats().reloads, 1U);
}

// Scenario: reload_interval, and files that do not change.
// Guarantees: read again when the interval has passed, not before.
TEST_F(TlsSourceTest, ReloadInterval) {
  settings_.reload_interval = seconds(30);
  ASSERT_EQ(LoadError(), "");
  EXPECT_FALSE(source_.Poll(now_ + seconds(29)));
  EXPECT_TRUE(source_.Poll(now_ + seconds(30)));
  EXPECT_FALSE(source_.Poll(now_ + seconds(59)));
  EXPECT_TRUE(source_.Poll(now_ + seconds(60)));
}

// Scenario: an expired certificate; an authority of several.
// Guarantees: FM-43: the start goes on; the metric says when, the earliest of a file.
TEST_F(TlsSourceTest, Fm43Expiry) {
  Write(ca_.Sign({.valid_from = hours(-48), .valid_until = hours(-24)}));
  settings_.client_ca_file =
      scratch_.Write("ca.pem", ca_.pem() + ca_.Sign({.valid_until = hours(5)}).cert_pem).value();
  EXPECT_EQ(LoadError(), "");
  EXPECT_EQ(Lifetime(), hours(-24));
  ASSERT_EQ(source_.stats().certificates.size(), 2U);
  EXPECT_EQ(source_.stats().certificates[1].key, "client_ca_file");
  EXPECT_LT(source_.stats().certificates[1].expires, std::chrono::system_clock::now() + hours(6));
}

// Scenario: names of suites of TLS 1.3 only, and TLS 1.2 at most; a suite that is not AEAD.
// Guarantees: the first is refused, as nothing could be agreed on; the second works when asked for.
TEST_F(TlsSourceTest, CipherSuites) {
  settings_.cipher_suites = {"TLS_AES_128_GCM_SHA256"};
  settings_.max_version = TlsVersion::k12;
  EXPECT_THAT(LoadError(), HasSubstr("cipher_suites names none of TLS 1.2"));
  settings_.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"};
  EXPECT_EQ(LoadError(), "");
}

}  // namespace
}  // namespace router
