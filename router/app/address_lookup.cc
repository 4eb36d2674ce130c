#include "router/app/address_lookup.h"

#include <boost/asio/io_context.hpp>
#include <future>
#include <memory>
#include <thread>

namespace router {
namespace {

using boost::asio::ip::tcp;
using Addresses = std::vector<tcp::endpoint>;

Result<Addresses> Ask(const std::string& host, std::uint16_t port) {
  boost::asio::io_context io(1);
  boost::system::error_code error;
  Addresses addresses;
  for (const auto& entry : tcp::resolver(io).resolve(host, std::to_string(port), error)) {
    addresses.push_back(entry.endpoint());
  }
  if (error) return Failure(host + ": " + error.message());
  return addresses;
}

}  // namespace

Result<Addresses> LookUp(const std::string& host, std::uint16_t port, TimePoint deadline) {
  // asio's own asynchronous look-up would be waited for when its io_context ends.
  const auto answer = std::make_shared<std::promise<void>>();
  const auto addresses = std::make_shared<Result<Addresses>>();
  const std::future<void> asked = answer->get_future();
  std::thread([host, port, answer, addresses] {
    *addresses = Ask(host, port);
    answer->set_value();
  }).detach();
  if (asked.wait_until(deadline) != std::future_status::ready || Clock::now() >= deadline) {
    return Failure(host + ": the look-up of this name was not answered in time");
  }
  return *addresses;
}

}  // namespace router
