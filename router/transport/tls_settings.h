// TlsSettings: what a configuration says about TLS, on either side; the Collector's configtls.
// Thread safety: a value. Holds a private key when it was given as text: never print it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace router {

enum class TlsVersion : std::uint8_t { k12, k13 };

struct TlsSettings {
  // A file or its text, never both; certificate and key both or neither.
  std::string cert_file;
  std::string cert_pem;
  std::string key_file;
  std::string key_pem;
  // Who may have signed the peer's certificate; nothing: the authorities of the system.
  std::string ca_file;
  std::string ca_pem;
  bool include_system_ca = false;  // those of the system, too
  TlsVersion min_version = TlsVersion::k12;
  TlsVersion max_version = TlsVersion::k13;
  // Go's names, see tls_names.h; empty: our own choice.
  std::vector<std::string> cipher_suites;
  std::vector<std::string> curves;
  std::chrono::milliseconds reload_interval{0};  // 0: when a file has changed

  // Server: clients must have a certificate signed by one of these.
  std::string client_ca_file;

  // Client.
  bool skip_verify = false;
  std::string server_name;  // instead of the name that discovery knows

  bool operator==(const TlsSettings&) const = default;
};

}  // namespace router
