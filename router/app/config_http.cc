#include "router/app/config_http.h"

#include <algorithm>
#include <vector>

#include "router/app/config_headers.h"
#include "router/app/config_values.h"
#include "router/app/config_view.h"
#include "router/base/ascii_text.h"

namespace router {
namespace {

constexpr std::size_t kResponseHeadersMax = 16;
constexpr std::size_t kOriginsMax = 1000;

// What one may put into a header of ours.
bool IsHeaderText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// What a browser may send as `origin`, or a pattern with one `*` for it, which may also stand for
// the scheme. Pages without an origin of their own send `null`.
bool IsOrigin(std::string_view text) {
  constexpr std::string_view kSeparator = "://";
  if (text == "null" || text == "*") return true;
  const std::size_t star = text.find('*');
  const bool is_pattern = star != std::string_view::npos;
  if (!IsHeaderText(text) || (is_pattern && star != text.rfind('*'))) return false;
  const std::size_t at = text.find(kSeparator);
  if (at == std::string_view::npos || at == 0) {
    return is_pattern && at != 0 && text.find_first_of("/?#@") == std::string_view::npos;
  }
  const std::string_view host = text.substr(at + kSeparator.size());
  if (is_pattern) return !host.empty() && host.find_first_of("/?#@") == std::string_view::npos;
  const Result<Config::Address> address = ParseAddress(host, 1);
  return address && !address->host.empty() && address->port != 0;
}

void ReadPath(const YamlNode* section, const std::string& shown, std::string& path, FaultLog& log) {
  Read(section, "traces_url_path", path);
  const YamlEntry* entry = FindEntry(section, "traces_url_path");
  // As the Collector does.
  if (!path.starts_with('/')) path.insert(0, "/");
  if (entry != nullptr && !IsUrlPath(path)) {
    log.Refuse(entry->line, shown + ".traces_url_path",
               "a path is printable ASCII without spaces, '?', '#' and '*'");
  }
}

void ReadCompressions(const YamlNode* section, Config::Http& http) {
  const YamlNode* list = FindValue(section, "compression_algorithms");
  if (list == nullptr) return;
  http.compressions.fill(false);
  for (const Word& word : ReadWords(section, "compression_algorithms")) {
    if (const auto compression = CompressionFrom(word.text)) {
      http.compressions[static_cast<std::size_t>(*compression)] = true;
    }
  }
}

void ReadCors(const YamlNode* section, const std::string& shown, Cors& cors, FaultLog& log) {
  for (const Word& word : ReadWords(section, "cors.allowed_origins")) {
    if (!IsOrigin(word.text)) {
      log.Refuse(word.line, shown + ".cors.allowed_origins",
                 "an origin is scheme://host[:port] with at most one *",
                 "a browser sends no path and no slash at the end");
    }
    cors.allowed_origins.push_back(LowerCase(word.text));
  }
  if (cors.allowed_origins.size() > kOriginsMax) {
    log.Refuse(FindEntry(section, "cors")->line, shown + ".cors.allowed_origins",
               "more than 1000 origins");
  }
  const auto names = [&](const char* key, const auto& take) {
    for (const Word& word : ReadWords(section, key)) {
      const std::string name = LowerCase(word.text);
      if (name != "*" && !IsHeaderName(name)) {
        log.Refuse(word.line, shown + "." + key,
                   "a header name consists of letters, digits, '-', '_' and '.'");
      }
      take(name);
    }
  };
  names("cors.allowed_headers",
        [&](const std::string& name) { cors.allowed_headers.push_back(name); });
  names("cors.exposed_headers", [&](const std::string& name) {
    cors.exposed_headers.append(cors.exposed_headers.empty() ? "" : ", ").append(name);
  });
  if (const std::int64_t seconds = ReadNumber(section, "cors.max_age", 0); seconds > 0) {
    cors.max_age = std::to_string(seconds);
  }
}

}  // namespace

void ReadHttpReceiver(const YamlNode* section, const std::string& shown, Config::Http& http,
                      FaultLog& log) {
  Read(section, "endpoint", http.endpoint);
  ReadPath(section, shown, http.traces_path, log);
  ReadUnlessZero(section, "max_request_body_size", http.request_bytes_max);
  ReadCompressions(section, http);
  ReadCors(section, shown, http.cors, log);
  if (const YamlNode* headers = FindValue(section, "response_headers")) {
    http.response_headers = ReadHeaders(*headers, shown + ".response_headers", log);
    if (http.response_headers.size() > kResponseHeadersMax) {
      log.Refuse(headers->line, shown + ".response_headers", "more than 16 headers");
    }
  }
  ReadUnlessZero(section, "read_header_timeout", http.header_timeout);
  Read(section, "read_timeout", http.read_timeout);
  ReadUnlessZero(section, "idle_timeout", http.idle_timeout);
  Read(section, "keep_alives_enabled", http.is_keep_alive);
}

}  // namespace router
