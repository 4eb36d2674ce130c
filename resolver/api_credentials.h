// ApiCredentials: what proves us to the API server and it to us, as the files are at this moment.
// Thread safety: a function; reads two small files.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "resolver/kubernetes_options.h"

namespace resolver {

struct ApiCredentials {
  std::string token;  // a secret
  std::shared_ptr<boost::asio::ssl::context> tls;
};

// The failure names the file and says why it cannot be used; it never holds what is in it.
tl::expected<ApiCredentials, std::string> ReadApiCredentials(const ApiServer& server);

// The first line of a file, such as the namespace of the pod; empty when it cannot be read.
std::string ReadFirstWord(const std::string& path);

}  // namespace resolver
