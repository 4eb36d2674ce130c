#include "resolver/api_credentials.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace resolver {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;

tl::expected<std::string, std::string> ReadFile(const std::string& path) {
  const auto fail = [&](const std::string& why) { return tl::make_unexpected(path + ": " + why); };
  // A pipe without a writer must not hold up the control thread.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return fail(std::strerror(errno));
  struct stat status {};
  const bool is_regular = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  std::string text(is_regular ? kFileBytesMax + 1 : 0, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() &&
         ((got = ::read(file, text.data() + size, text.size() - size)) > 0 || errno == EINTR)) {
    if (got == 0) break;
    if (got > 0) size += static_cast<std::size_t>(got);
  }
  const int error = errno;
  ::close(file);
  if (!is_regular) return fail("is not a regular file");
  if (got < 0) return fail(std::strerror(error));
  if (size > kFileBytesMax) return fail("is larger than 1 MiB");
  text.resize(size);
  return text;
}

std::string FirstWord(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_first_of(" \t\r\n", begin) - begin);
}

bool IsHeaderText(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::string ReadFirstWord(const std::string& path) {
  const auto text = ReadFile(path);
  return text ? FirstWord(*text) : std::string();
}

tl::expected<ApiCredentials, std::string> ReadApiCredentials(const ApiServer& server) {
  const auto token = ReadFile(server.token_file);
  if (!token) return tl::make_unexpected("the token: " + token.error());
  ApiCredentials credentials{.token = FirstWord(*token), .tls = nullptr};
  if (credentials.token.empty() || !IsHeaderText(credentials.token)) {
    return tl::make_unexpected("the token: " + server.token_file + ": holds no token");
  }
  const auto authorities = ReadFile(server.ca_file);
  if (!authorities) return tl::make_unexpected("the authority: " + authorities.error());
  credentials.tls =
      std::make_shared<boost::asio::ssl::context>(boost::asio::ssl::context::tls_client);
  boost::system::error_code error;
  credentials.tls->add_certificate_authority(boost::asio::buffer(*authorities), error);
  if (error) {
    return tl::make_unexpected("the authority: " + server.ca_file +
                               ": holds no certificate in PEM");
  }
  // As Go does: whatever is in the file is trusted, a certificate in the middle of a chain, too.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(credentials.tls->native_handle()),
                              X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_min_proto_version(credentials.tls->native_handle(), TLS1_2_VERSION);
  credentials.tls->set_verify_mode(boost::asio::ssl::verify_peer, error);
  return credentials;
}

}  // namespace resolver
