#include "router/app/config_auth.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "router/app/config_check.h"
#include "router/app/config_headers.h"
#include "router/app/config_view.h"
#include "router/auth/htpasswd.h"
#include "router/base/ascii_text.h"

namespace router {
namespace {

constexpr std::string_view kBearer = "bearertokenauth";
constexpr std::string_view kBasic = "basicauth";

bool IsTokenCharacter(char c) { return c > 0x20 && c < 0x7f; }

void ReadBearer(const YamlEntry& extension, const std::string& shown, Config::Auth& auth,
                FaultLog& log) {
  const YamlNode* section = extension.value.get();
  auth.kind = Config::Auth::Kind::kBearer;
  Read(section, "header", auth.header);
  auth.header = LowerCase(auth.header);
  Read(section, "scheme", auth.scheme);
  Read(section, "filename", auth.file);
  std::string token;
  Read(section, "token", token);
  for (Word& word : ReadWords(section, "tokens")) auth.tokens.push_back(std::move(word.text));
  if (!token.empty() && !auth.tokens.empty()) {
    log.Refuse(extension.line, shown, "either tokens or token should be provided, not both");
  }
  if (!token.empty()) auth.tokens.push_back(std::move(token));
  if (auth.tokens.empty() && auth.file.empty()) {
    log.Refuse(extension.line, shown, "no bearer token provided", "set token, tokens or filename");
  }
  if (!auth.tokens.empty() && !auth.file.empty()) {
    log.Warn(extension.line, shown, "a filename is specified: the tokens beside it are ignored",
             "remove them");
    auth.tokens.clear();
  }
  if (!std::all_of(auth.scheme.begin(), auth.scheme.end(), IsTokenCharacter)) {
    log.Refuse(extension.line, shown + ".scheme", "a scheme is printable ASCII without spaces",
               "a space stands between it and the token in any case");
  }
  if (!IsHeaderName(auth.header)) {
    log.Refuse(extension.line, shown + ".header", "not a header name");
  }
  for (const std::string& secret : auth.tokens) {
    if (secret.empty() || !std::all_of(secret.begin(), secret.end(), IsTokenCharacter)) {
      log.Refuse(extension.line, shown + ".tokens",
                 "a token is printable ASCII without spaces, and not empty");
    }
  }
}

void ReadBasicServer(const YamlEntry& extension, const std::string& shown, Config::Auth& auth,
                     FaultLog& log) {
  auth.kind = Config::Auth::Kind::kBasicServer;
  Read(extension.value.get(), "htpasswd.file", auth.file);
  Read(extension.value.get(), "htpasswd.inline", auth.users);
  if (auth.file.empty() && auth.users.empty()) {
    log.Refuse(extension.line, shown + ".htpasswd", "no credential source provided",
               "set file or inline");
  }
  if (auth.users.empty()) return;
  if (const auto users = Htpasswd::Parse(auth.users); !users) {
    log.Refuse(FindEntry(extension.value.get(), "htpasswd.inline")->line,
               shown + ".htpasswd.inline", users.error().message,
               "write user:hash, as Apache's htpasswd does");
  }
}

void ReadBasicClient(const YamlEntry& extension, const std::string& shown, Config::Auth& auth,
                     FaultLog& log) {
  auth.kind = Config::Auth::Kind::kBasicClient;
  const YamlNode* section = extension.value.get();
  Read(section, "client_auth.username", auth.user);
  Read(section, "client_auth.username_file", auth.user_file);
  Read(section, "client_auth.password", auth.password);
  Read(section, "client_auth.password_file", auth.password_file);
  if (auth.user.empty() && auth.user_file.empty()) {
    log.Refuse(extension.line, shown + ".client_auth.username", "there is no user");
  }
  if (auth.user.find(':') != std::string::npos) {
    log.Refuse(FindEntry(section, "client_auth.username")->line, shown + ".client_auth.username",
               "a user has no colon: what follows it would be taken for the password",
               "the password goes to client_auth.password");
  }
}

void ReadBasic(const YamlEntry& extension, const std::string& shown, AuthSide side,
               Config::Auth& auth, FaultLog& log) {
  const bool has_server = FindEntry(extension.value.get(), "htpasswd") != nullptr;
  const bool has_client = FindEntry(extension.value.get(), "client_auth") != nullptr;
  if (has_server && has_client) {
    log.Refuse(extension.line, shown, "only one of `htpasswd` or `client_auth` can be specified",
               "make two: basicauth/server and basicauth/client");
  } else if (side == AuthSide::kReceiver && !has_server) {
    log.Refuse(extension.line, shown, "a receiver needs htpasswd");
  } else if (side == AuthSide::kExporter && !has_client) {
    log.Refuse(extension.line, shown, "an exporter needs client_auth");
  } else if (has_server) {
    ReadBasicServer(extension, shown, auth, log);
  } else {
    ReadBasicClient(extension, shown, auth, log);
  }
}

// The extension of that id, if it is started.
const YamlEntry* FindExtension(const YamlNode& root, const std::string& id, int line,
                               const std::string& shown, FaultLog& log) {
  const YamlNode* extensions = FindValue(&root, "extensions");
  const YamlEntry* entry = extensions == nullptr ? nullptr : extensions->Find(id);
  if (entry == nullptr) {
    log.Refuse(line, shown, "references extension \"" + Shown(id) + "\" which is not configured",
               "define it in extensions");
    return nullptr;
  }
  if (FindEntry(&root, "service.extensions") != nullptr) {
    const std::vector<Word> started = ReadWords(&root, "service.extensions");
    if (std::none_of(started.begin(), started.end(),
                     [&](const Word& word) { return word.text == id; })) {
      log.Refuse(line, shown, "extension \"" + Shown(id) + "\" is not in service.extensions",
                 "add it there");
    }
  }
  return entry;
}

}  // namespace

std::optional<Config::Auth> ReadAuth(const YamlNode& root, const YamlEntry* auth, AuthSide side,
                                     const std::string& shown, FaultLog& log) {
  if (auth == nullptr || auth->value->kind == YamlNode::Kind::kNull) return std::nullopt;
  Config::Auth read;
  Read(auth->value.get(), "authenticator", read.id);
  const std::string shown_id = shown + ".authenticator";
  if (read.id.empty()) {
    log.Refuse(auth->line, shown_id, "names no extension");
    return std::nullopt;
  }
  const YamlEntry* extension = FindExtension(root, read.id, auth->line, shown_id, log);
  if (extension == nullptr) return std::nullopt;
  const std::string type = ParseComponentId(read.id).type;
  const std::string shown_extension = "extensions." + Shown(read.id);
  if (type == kBearer) {
    ReadBearer(*extension, shown_extension, read, log);
  } else if (type == kBasic) {
    ReadBasic(*extension, shown_extension, side, read, log);
  } else {
    log.Refuse(auth->line, shown_id, "\"" + Shown(read.id) + "\" is no authenticator",
               "use bearertokenauth or basicauth");
    return std::nullopt;
  }
  return read;
}

}  // namespace router
