#include "router/auth/htpasswd.h"

#include <crypt.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <memory>

#include "router/auth/apache_md5.h"
#include "router/auth/digest.h"
#include "router/base/ascii_text.h"

namespace router {
namespace {

constexpr std::string_view kApacheMd5 = "$apr1$";
constexpr std::string_view kSha = "{SHA}";
constexpr std::string_view kSaltedSha = "{SSHA}";

// Standard base64; empty when it is none.
std::string FromBase64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return {};
  bytes.resize(static_cast<std::size_t>(size));
  for (std::size_t i = text.size(); i > 0 && text[i - 1] == '=' && !bytes.empty(); --i) {
    bytes.pop_back();
  }
  return bytes;
}

bool MatchSha(std::string_view encoded, std::string_view password) {
  const std::string bytes = FromBase64(encoded);
  if (bytes.size() < SHA_DIGEST_LENGTH) return false;
  const std::string salt = bytes.substr(SHA_DIGEST_LENGTH);
  return IsSameSecret(DigestOf(EVP_sha1(), std::string(password) + salt),
                      std::string_view(bytes).substr(0, SHA_DIGEST_LENGTH));
}

bool MatchApacheMd5(std::string_view hash, std::string_view password) {
  const std::string_view rest = hash.substr(kApacheMd5.size());
  const std::size_t end = rest.find('$');
  if (end == std::string_view::npos) return false;
  return IsSameSecret(ApacheMd5(password, rest.substr(0, end)), rest.substr(end + 1));
}

bool MatchCrypt(const std::string& hash, std::string_view password) {
  if (password.find('\0') != std::string_view::npos) return false;
  const auto scratch = std::make_unique<crypt_data>();
  const char* result = ::crypt_r(std::string(password).c_str(), hash.c_str(), scratch.get());
  return result != nullptr && IsSameSecret(result, hash);
}

bool MatchHash(const std::string& hash, std::string_view password) {
  const std::string_view view = hash;
  if (view.starts_with(kApacheMd5)) return MatchApacheMd5(view, password);
  if (view.starts_with(kSaltedSha)) return MatchSha(view.substr(kSaltedSha.size()), password);
  if (view.starts_with(kSha)) return MatchSha(view.substr(kSha.size()), password);
  if (view.starts_with('$')) return MatchCrypt(hash, password);
  return IsSameSecret(view, password);
}

// Hashes of one kind take equally long: the format, and the cost or rounds that it names.
std::string KindOf(std::string_view hash) {
  if (hash.starts_with("$2") && hash.size() > 6) return "bcrypt" + std::string(hash.substr(3, 3));
  if (hash.starts_with('$')) {
    std::size_t end = hash.find('$', 1);
    if (hash.substr(std::min(end, hash.size())).starts_with("$rounds=")) {
      end = hash.find('$', end + 1);
    }
    return std::string(hash.substr(0, end));
  }
  if (hash.starts_with(kSaltedSha)) return std::string(kSaltedSha);
  return std::string(hash.starts_with(kSha) ? kSha : "");
}

}  // namespace

Result<Htpasswd> Htpasswd::Parse(std::string_view text) {
  Htpasswd parsed;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = Trimmed(line);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == line.size()) {
      return Failure("line " + std::to_string(number) + " is not user:hash");
    }
    parsed.hashes_.insert_or_assign(std::string(line.substr(0, colon)),
                                    std::string(line.substr(colon + 1)));
  }
  if (parsed.hashes_.empty()) return Failure("there is no user in it");
  for (const auto& [user, hash] : parsed.hashes_) {
    std::string& example = parsed.examples_[KindOf(hash)];
    example = std::max(example, hash);
  }
  return parsed;
}

std::string Htpasswd::EntryOf(std::string_view user) const {
  const auto found = hashes_.find(std::string(user));
  return found != hashes_.end() ? found->first + ":" + found->second : std::string();
}

bool Htpasswd::Has(std::string_view entry) const {
  return !entry.empty() && EntryOf(entry.substr(0, entry.find(':'))) == entry;
}

bool Htpasswd::Match(std::string_view user, std::string_view password) const {
  const auto found = hashes_.find(std::string(user));
  const bool is_known = found != hashes_.end();
  if (is_known && MatchHash(found->second, password)) return true;
  const std::string done = is_known ? KindOf(found->second) : std::string();
  for (const auto& [kind, hash] : examples_) {
    if (!is_known || kind != done) (void)MatchHash(hash, password);
  }
  return false;
}

}  // namespace router
