#include "router/app/address_lookup.h"

#include <boost/asio/io_context.hpp>
#include <future>
#include <thread>
#include <utility>

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
  std::packaged_task<Result<Addresses>()> task([host, port] { return Ask(host, port); });
  std::future<Result<Addresses>> asked = task.get_future();
  std::thread(std::move(task)).detach();
  if (asked.wait_until(deadline) != std::future_status::ready || Clock::now() >= deadline) {
    return Failure(host + ": the look-up of this name was not answered in time");
  }
  return asked.get();
}

}  // namespace router
