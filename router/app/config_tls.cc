#include "router/app/config_tls.h"

#include <openssl/x509.h>

#include <utility>

#include "router/app/config_view.h"
#include "router/transport/certificate.h"
#include "router/transport/tls_names.h"

namespace router {
namespace {

constexpr std::string_view kVersions = "1.2|1.3";

// One block while it is read.
class Block {
 public:
  Block(const YamlEntry* entry, const std::string& shown, FaultLog& log)
      : entry_(entry),
        node_(entry == nullptr ? nullptr : entry->value.get()),
        shown_(shown),
        log_(log) {}

  std::string Text(std::string_view key) const {
    std::string text;
    Read(node_, key, text);
    return text;
  }
  bool Flag(std::string_view key) const {
    bool flag = false;
    Read(node_, key, flag);
    return flag;
  }
  const YamlNode* node() const { return node_; }
  void Refuse(std::string_view key, std::string_view message, std::string_view hint = {}) {
    const YamlEntry* at = FindEntry(node_, key);
    log_.Refuse(at != nullptr ? at->line : line(), Path(key), message, hint);
  }
  void Warn(std::string_view key, std::string_view message) {
    const YamlEntry* at = FindEntry(node_, key);
    log_.Warn(at != nullptr ? at->line : line(), Path(key), message);
  }

 private:
  int line() const { return entry_ == nullptr ? 0 : entry_->line; }
  std::string Path(std::string_view key) const {
    return key.empty() ? shown_ : shown_ + "." + std::string(key);
  }

  const YamlEntry* entry_;
  const YamlNode* node_;
  const std::string& shown_;
  FaultLog& log_;
};

TlsVersion ToVersion(const std::string& text, TlsVersion absent) {
  if (text.empty()) return absent;
  return text == "1.3" ? TlsVersion::k13 : TlsVersion::k12;
}

// Keeps the names that can be used; refuses what nobody has, warns of what only Go has.
std::vector<std::string> ReadNames(Block& block, std::string_view key, std::string_view what,
                                   NameFate (*fate_of)(std::string_view)) {
  std::vector<std::string> names;
  const std::vector<Word> words = ReadWords(block.node(), key);
  for (const Word& word : words) {
    switch (fate_of(word.text)) {
      case NameFate::kKnown:
        names.push_back(word.text);
        break;
      case NameFate::kMissing:
        block.Warn(key, "OpenSSL 3.0 does not have " + word.text + "; it is left out");
        break;
      case NameFate::kUnknown:
        block.Refuse(key,
                     std::string("invalid ").append(what).append(": \"") + Shown(word.text) + '"',
                     "the names are those of Go's crypto/tls");
        break;
    }
  }
  if (!words.empty() && names.empty()) block.Refuse(key, "nothing of this list can be used");
  return names;
}

// What stands in the file itself is as wrong on any machine.
void CheckPem(Block& block, const TlsSettings& settings) {
  const auto refuse = [&](const char* key, const auto& result) {
    if (!result) block.Refuse(key, result.error().message);
    return result.has_value();
  };
  bool are_good = !settings.cert_pem.empty() && !settings.key_pem.empty();
  if (!settings.cert_pem.empty()) {
    are_good &= refuse("cert_pem", ParseCertificates(settings.cert_pem));
  }
  if (!settings.key_pem.empty()) are_good &= refuse("key_pem", ParseKey(settings.key_pem));
  if (!are_good) return;
  const auto certificates = ParseCertificates(settings.cert_pem);
  const auto key = ParseKey(settings.key_pem);
  if (X509_check_private_key(certificates->front().get(), key->get()) != 1) {
    TakeOpensslError();
    block.Refuse("key_pem", "is not the key of the first certificate in cert_pem");
  }
}

TlsSettings ReadCommon(Block& block) {
  TlsSettings settings;
  settings.cert_file = block.Text("cert_file");
  settings.cert_pem = block.Text("cert_pem");
  settings.key_file = block.Text("key_file");
  settings.key_pem = block.Text("key_pem");
  settings.include_system_ca = block.Flag("include_system_ca_certs_pool");
  settings.min_version = ToVersion(block.Text("min_version"), TlsVersion::k12);
  settings.max_version = ToVersion(block.Text("max_version"), TlsVersion::k13);
  Read(block.node(), "reload_interval", settings.reload_interval);
  settings.cipher_suites =
      ReadNames(block, "cipher_suites", "TLS cipher suite", &FateOfCipherSuite);
  settings.curves = ReadNames(block, "curve_preferences", "curve type", &FateOfCurve);
  if (!settings.cert_file.empty() && !settings.cert_pem.empty()) {
    block.Refuse("cert_pem", "provide either certificate file or PEM, but not both");
  }
  if (!settings.key_file.empty() && !settings.key_pem.empty()) {
    block.Refuse("key_pem", "provide either key file or PEM, but not both");
  }
  CheckPem(block, settings);
  if (settings.min_version > settings.max_version) {
    block.Refuse("min_version", "min_version cannot be greater than max_version");
  }
  return settings;
}

bool HasCertificate(const TlsSettings& settings) {
  return !settings.cert_file.empty() || !settings.cert_pem.empty();
}

bool HasKey(const TlsSettings& settings) {
  return !settings.key_file.empty() || !settings.key_pem.empty();
}

ConfigKey Key(std::string_view path, ValueType type, std::string_view text) {
  return {.path = path, .type = type, .text = text};
}

std::vector<ConfigKey> CommonKeys() {
  using enum ValueType;
  return {
      Key("cert_file", kString,
          "The certificate in PEM form, followed by those between it and the "
          "authority."),
      Key("cert_pem", kString, "The same as text, instead of a file."),
      Key("key_file", kString, "The private key in PEM form, without a passphrase."),
      Key("key_pem", kString, "The same as text, kept secret.").Secret(),
      Key("include_system_ca_certs_pool", kBoolean,
          "Trust the authorities of the system besides those of the file.")
          .Default("false"),
      Key("min_version", kChoice, "The oldest version of TLS; 1.0 and 1.1 are never spoken.")
          .Default("1.2")
          .OneOf(kVersions),
      Key("max_version", kChoice, "The newest version of TLS.").Default("1.3").OneOf(kVersions),
      Key("cipher_suites", kStringList,
          "Go's names of suites for TLS 1.2; absent: ECDHE with AES-GCM or ChaCha20 only."),
      Key("include_insecure_cipher_suites", kBoolean, "Insecure suites are never spoken.")
          .Default("false")
          .OneOf("false"),
      Key("curve_preferences", kStringList,
          "`X25519`, `P256`, `P384`, `P521`; absent: all, in this order."),
      Key("reload_interval", kDuration,
          "The files are read again that often. A file that has changed is read within some "
          "seconds in any case."),
      {.path = "tpm",
       .treatment = Treatment::kLater,
       .text = "keys in a TPM; use key_file or key_pem"},
  };
}

}  // namespace

std::optional<TlsSettings> ReadServerTls(const YamlEntry* tls, const std::string& shown,
                                         FaultLog& log) {
  if (tls == nullptr || tls->value->kind != YamlNode::Kind::kMapping) return std::nullopt;
  Block block(tls, shown, log);
  TlsSettings settings = ReadCommon(block);
  settings.client_ca_file = block.Text("client_ca_file");
  if (!HasCertificate(settings) || !HasKey(settings)) {
    block.Refuse("",
                 "TLS configuration must include both certificate and key for server connections",
                 "set cert_file and key_file");
  }
  return settings;
}

std::optional<TlsSettings> ReadClientTls(const YamlEntry* tls, const std::string& shown,
                                         FaultLog& log) {
  Block block(tls, shown, log);
  TlsSettings settings = ReadCommon(block);
  settings.ca_file = block.Text("ca_file");
  settings.ca_pem = block.Text("ca_pem");
  settings.skip_verify = block.Flag("insecure_skip_verify");
  settings.server_name = block.Text("server_name_override");
  const bool has_ca = !settings.ca_file.empty() || !settings.ca_pem.empty();
  if (!settings.ca_file.empty() && !settings.ca_pem.empty()) {
    block.Refuse("ca_pem", "provide either a CA file or the PEM-encoded string, but not both");
  }
  if (!settings.ca_pem.empty()) {
    if (const auto authorities = ParseCertificates(settings.ca_pem); !authorities) {
      block.Refuse("ca_pem", authorities.error().message);
    }
  }
  if (HasCertificate(settings) != HasKey(settings)) {
    block.Refuse("", "TLS configuration must include both certificate and key, or neither");
  }
  if (block.Flag("insecure")) {
    if (!has_ca) return std::nullopt;
    block.Warn("insecure",
               "has no effect beside ca_file or ca_pem: TLS is spoken, as the "
               "Collector would");
  }
  if (settings.skip_verify) {
    block.Warn("insecure_skip_verify", "whoever answers at a backend's address gets the spans");
  }
  return settings;
}

std::vector<ConfigKey> ServerTlsKeys() {
  std::vector<ConfigKey> keys = CommonKeys();
  using enum ValueType;
  keys.push_back(Key("client_ca_file", kString,
                     "Clients must show a certificate signed by one of these authorities."));
  keys.push_back(Key("client_ca_file_reload", kBoolean,
                     "Whether that file is read again when it has changed; it always is.")
                     .Default("false"));
  for (const std::string_view path : {"ca_file", "ca_pem"}) {
    keys.push_back({.path = path,
                    .type = kString,
                    .treatment = Treatment::kIgnored,
                    .text = "clients are verified by client_ca_file"});
  }
  return keys;
}

std::vector<ConfigKey> ClientTlsKeys() {
  using enum ValueType;
  std::vector<ConfigKey> keys = {
      Key("insecure", kBoolean, "Plaintext, if there is no ca_file and no ca_pem.")
          .Default("false"),
      Key("insecure_skip_verify", kBoolean, "TLS with whoever answers: nothing is verified.")
          .Default("false"),
      Key("server_name_override", kString,
          "The name that certificates must be for, instead of the host name of the resolver."),
      Key("ca_file", kString,
          "The authorities that may have signed a backend's certificate, in PEM form; absent: "
          "those "
          "of the system."),
      Key("ca_pem", kString, "The same as text, instead of a file."),
  };
  for (ConfigKey& key : CommonKeys()) keys.push_back(std::move(key));
  return keys;
}

}  // namespace router
