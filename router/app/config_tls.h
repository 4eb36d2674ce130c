// The `tls:` blocks of a configuration, as the Collector's configtls has them.
//
// Only what can be said without opening a file, so that a *_pem is parsed and a *_file is not: that
// is TlsSource's (tls_source.h).
// Thread safety: pure. Private keys may be in the file: no message repeats a value of a *_pem key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "router/app/config_keys.h"
#include "router/app/config_report.h"
#include "router/app/yaml_node.h"
#include "router/transport/tls_settings.h"

namespace router {

// Of a receiver: `tls` is the entry of that name, nullptr when there is none. Nothing: plaintext.
std::optional<TlsSettings> ReadServerTls(const YamlEntry* tls, const std::string& shown,
                                         FaultLog& log);
// Of an exporter. Nothing, as in the Collector: `insecure: true` and no authority to verify by.
std::optional<TlsSettings> ReadClientTls(const YamlEntry* tls, const std::string& shown,
                                         FaultLog& log);

// The keys of a block; `path` without what stands before it.
std::vector<ConfigKey> ServerTlsKeys();
std::vector<ConfigKey> ClientTlsKeys();

}  // namespace router
