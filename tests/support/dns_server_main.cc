// spanring_dns: a small DNS server for the demo and the interop runs.
//
//   spanring_dns --listen 127.0.0.1:5353 [--record name=ip[,ip…]]… [--ttl SECONDS] [--records-file
//   F]
//
// F holds lines "name [=MODE] ip ip … [/ ip ip …]…", # begins a comment; SIGHUP reads it again.
// Sets divided by a slash are given in turn. MODE is one of nxdomain, servfail, refused, nodata,
// silent, garbage, garbage_tail, wrong_id, truncated, truncated_forever, huge, lying_counts,
// pointer_loop. Prints "listening 127.0.0.1:PORT" when it serves (port 0: any). SIGTERM or SIGINT
// ends it.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/dns_server.h"

namespace {

struct Arguments {
  std::uint16_t port = 0;
  std::uint32_t ttl = 5;
  std::string records_file;
  std::map<std::string, std::vector<std::string>> records;
};

std::vector<std::string> SplitAtCommas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    parts.push_back(part);
  }
  return parts;
}

template <typename Number>
bool ReadNumber(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool IsAddress(const std::string& text) {
  boost::system::error_code error;
  boost::asio::ip::make_address(text, error);
  return !error;
}

bool Take(Arguments& arguments, const std::string& key, const std::string& value) {
  if (key == "--listen") {
    const std::string_view prefix = "127.0.0.1:";
    return value.starts_with(prefix) &&
           ReadNumber(std::string_view(value).substr(prefix.size()), arguments.port);
  }
  if (key == "--ttl") {
    return ReadNumber(value, arguments.ttl);
  }
  if (key == "--records-file") {
    arguments.records_file = value;
    return true;
  }
  const std::size_t equals = value.find('=');
  if (key != "--record" || equals == std::string::npos) {
    return false;
  }
  const std::vector<std::string> addresses = SplitAtCommas(value.substr(equals + 1));
  arguments.records[value.substr(0, equals)] = addresses;
  return std::all_of(addresses.begin(), addresses.end(), IsAddress);
}

std::optional<Arguments> ReadArguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 >= argc || !Take(arguments, argv[i], argv[i + 1])) {
      return std::nullopt;
    }
  }
  return arguments;
}

const std::map<std::string, dnstest::Mode> kModes = {
    {"nxdomain", dnstest::Mode::kNxDomain},
    {"servfail", dnstest::Mode::kServFail},
    {"refused", dnstest::Mode::kRefused},
    {"nodata", dnstest::Mode::kNoData},
    {"silent", dnstest::Mode::kSilent},
    {"garbage", dnstest::Mode::kGarbage},
    {"garbage_tail", dnstest::Mode::kGarbageTail},
    {"wrong_id", dnstest::Mode::kWrongId},
    {"truncated", dnstest::Mode::kTruncated},
    {"truncated_forever", dnstest::Mode::kTruncatedForever},
    {"huge", dnstest::Mode::kHuge},
    {"lying_counts", dnstest::Mode::kLyingCounts},
    {"pointer_loop", dnstest::Mode::kPointerLoop},
};

// One line of the records file, after its name.
dnstest::Script ReadScript(std::istringstream& words, std::uint32_t ttl,
                           const std::string& file_name) {
  dnstest::Script script = dnstest::Addresses({}, ttl);
  for (std::string word; words >> word;) {
    if (word == "/") {
      script.address_sets.emplace_back();
    } else if (const auto mode = kModes.find(word.substr(1));
               word[0] == '=' && mode != kModes.end()) {
      script.mode = mode->second;
    } else if (IsAddress(word)) {
      script.address_sets.back().push_back(word);
    } else {
      std::cerr << file_name << ": neither an address nor a mode: " << word << "\n";
    }
  }
  return script;
}

void Load(const Arguments& arguments, dnstest::DnsServer& server) {
  std::map<std::string, dnstest::Script> scripts;
  for (const auto& [name, addresses] : arguments.records) {
    scripts[name] = dnstest::Addresses(addresses, arguments.ttl);
  }
  std::ifstream file(arguments.records_file);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string name;
    words >> name;
    if (!name.empty()) scripts[name] = ReadScript(words, arguments.ttl, arguments.records_file);
  }
  server.SetAll(std::move(scripts));
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Arguments> arguments = ReadArguments(argc, argv);
  if (!arguments) {
    std::cerr << "usage: spanring_dns --listen 127.0.0.1:PORT [--record name=ip[,ip...]]... "
                 "[--ttl SECONDS] [--records-file FILE]\n";
    return 2;
  }
  boost::asio::io_context signals_context;
  boost::asio::signal_set reload(signals_context, SIGHUP);
  boost::asio::signal_set end(signals_context, SIGTERM, SIGINT);
  dnstest::DnsServer server(arguments->port);
  Load(*arguments, server);
  std::cout << "listening " << server.address() << std::endl;

  const std::function<void()> wait_for_reload = [&] {
    reload.async_wait([&](const boost::system::error_code& error, int) {
      if (!error) {
        Load(*arguments, server);
        wait_for_reload();
      }
    });
  };
  wait_for_reload();
  end.async_wait([&](const boost::system::error_code&, int) { signals_context.stop(); });
  signals_context.run();
  return 0;
}
