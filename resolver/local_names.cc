#include "resolver/local_names.h"

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/system/error_code.hpp>
#include <cctype>
#include <cstddef>
#include <fstream>
#include <sstream>

#include "resolver/endpoint.h"

namespace resolver {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kHostsFileBytesMax = std::size_t{1} << 20;

bool SameName(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// One line of the hosts file: "address name name … # comment".
void TakeLine(const std::string& line, std::string_view name,
              std::vector<asio::ip::address>& found) {
  std::istringstream words(line.substr(0, line.find('#')));
  std::string address_text;
  words >> address_text;
  for (std::string word; words >> word;) {
    if (!SameName(word, name)) {
      continue;
    }
    boost::system::error_code error;
    const auto address = asio::ip::make_address(address_text, error);
    if (!error && IsDialable(address)) {
      found.push_back(Canonical(address));
    }
    return;
  }
}

}  // namespace

std::vector<asio::ip::address> LookUpLocally(std::string_view name, const std::string& hosts_file) {
  boost::system::error_code error;
  if (const auto literal = asio::ip::make_address(std::string(name), error); !error) {
    return {Canonical(literal)};
  }
  if (!name.empty() && name.back() == '.') {
    name.remove_suffix(1);
  }
  std::vector<asio::ip::address> found;
  if (!hosts_file.empty()) {
    std::ifstream file(hosts_file);
    std::size_t bytes = 0;
    for (std::string line; bytes < kHostsFileBytesMax && std::getline(file, line);) {
      bytes += line.size() + 1;
      TakeLine(line, name, found);
    }
  }
  if (found.empty() && SameName(name, "localhost")) {
    found = {asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};
  }
  return found;
}

}  // namespace resolver
