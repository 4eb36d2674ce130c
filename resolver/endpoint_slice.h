// EndpointSlice: what we read of an object of that kind (discovery.k8s.io/v1), and the JSON in
// which the API server says it: a page of a list, or one event of a watch.
//
// Whatever is no such JSON is an error as a whole: a part of a set must not pass for the set.
// Fields that we do not know are passed over.
// Thread safety: values and pure functions; parsers keep nothing.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace resolver {

struct SliceEndpoint {
  boost::asio::ip::address address;  // canonical; the first of the endpoint: all lead to it
  std::string hostname;              // of a pod of a StatefulSet; may be empty
  std::string target;                // what it is, a pod's uid for instance; empty: nobody says
  bool is_ready = true;              // ready, or nobody says; and not about to end

  friend bool operator==(const SliceEndpoint&, const SliceEndpoint&) = default;
};

struct EndpointSlice {
  std::string name;
  std::vector<SliceEndpoint> endpoints;
  std::size_t unusable = 0;  // endpoints without an address that one can connect to
};

struct SlicePage {
  std::vector<EndpointSlice> slices;
  std::string resource_version;
  std::string continue_token;  // empty: the last page
};

// The API server's `Status`: why it did not do as asked.
struct ApiStatus {
  int code = 0;  // as in HTTP
  std::string reason;
  std::string message;  // printable, at most 300 bytes
};

struct SliceEvent {
  enum class Type : std::uint8_t { kPut, kDelete, kBookmark, kError };
  Type type = Type::kBookmark;
  EndpointSlice slice;           // kPut; of kDelete only the name
  std::string resource_version;  // of all but kError: where to go on from
  ApiStatus status;              // kError
};

// The failure is a sentence for a person.
tl::expected<SlicePage, std::string> ParseSlicePage(std::string_view json);
tl::expected<SliceEvent, std::string> ParseSliceEvent(std::string_view json);
// What is no Status gives an empty one.
ApiStatus ParseApiStatus(std::string_view json);

// "name": lower-case letters, digits and '-', at most 63.
bool IsDnsLabel(std::string_view text);

}  // namespace resolver
