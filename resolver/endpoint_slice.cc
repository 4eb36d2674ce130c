#include "resolver/endpoint_slice.h"

#include <simdjson.h>

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <optional>
#include <utility>

#include "resolver/endpoint.h"

namespace resolver {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::size_t kNameBytesMax = 253;
constexpr std::size_t kVersionBytesMax = 128;
constexpr std::size_t kTokenBytesMax = 4096;
constexpr std::size_t kMessageBytesMax = 300;

// A field of an object. Absent and null are the same to Kubernetes.
enum class Field : std::uint8_t { kAbsent, kRead, kWrongType };

template <typename T>
Field ReadField(const object& from, std::string_view name, T& value) {
  element found;
  if (from.at_key(name).get(found) != simdjson::SUCCESS || found.is_null()) return Field::kAbsent;
  return found.get(value) == simdjson::SUCCESS ? Field::kRead : Field::kWrongType;
}

// Absent counts as empty. False: it is not text, or too long.
bool ReadText(const object& from, std::string_view name, std::size_t bytes_max, std::string& text) {
  std::string_view found;
  const Field field = ReadField(from, name, found);
  if (field == Field::kWrongType || found.size() > bytes_max) return false;
  text = found;
  return true;
}

std::string Printable(std::string_view text) {
  std::string printable(text.substr(0, kMessageBytesMax));
  std::replace_if(
      printable.begin(), printable.end(), [](char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return printable;
}

// Who it is: pods keep their uid in every slice and family; objects without one have their name.
bool ReadTarget(const object& endpoint, std::string& target) {
  object reference;
  const Field field = ReadField(endpoint, "targetRef", reference);
  if (field != Field::kRead) return field == Field::kAbsent;
  std::string name;
  if (!ReadText(reference, "uid", kNameBytesMax, target)) return false;
  if (!target.empty()) return true;
  std::string kind;
  if (!ReadText(reference, "kind", kNameBytesMax, kind)) return false;
  if (!ReadText(reference, "name", kNameBytesMax, name)) return false;
  if (!name.empty()) target = kind + "/" + name;
  return true;
}

// Not ready, or about to end whatever else is said of it.
bool ReadConditions(const object& endpoint, bool& is_ready) {
  object conditions;
  const Field field = ReadField(endpoint, "conditions", conditions);
  if (field != Field::kRead) return field == Field::kAbsent;
  bool is_terminating = false;
  if (ReadField(conditions, "ready", is_ready) == Field::kWrongType) return false;
  if (ReadField(conditions, "terminating", is_terminating) == Field::kWrongType) return false;
  is_ready = is_ready && !is_terminating;
  return true;
}

// None: nobody can be connected to there.
std::optional<boost::asio::ip::address> ReadAddress(const object& endpoint, bool& is_good) {
  array addresses;
  const Field field = ReadField(endpoint, "addresses", addresses);
  is_good = field != Field::kWrongType;
  if (field != Field::kRead || addresses.size() == 0) return std::nullopt;
  std::string_view text;
  if (addresses.at(0).get(text) != simdjson::SUCCESS) {
    is_good = false;
    return std::nullopt;
  }
  boost::system::error_code error;
  const auto address =
      boost::asio::ip::make_address(std::string(text.substr(0, kNameBytesMax)), error);
  if (error || !IsDialable(Canonical(address))) return std::nullopt;
  return Canonical(address);
}

bool ReadEndpoint(const object& from, EndpointSlice& slice) {
  SliceEndpoint endpoint;
  bool is_good = true;
  const auto address = ReadAddress(from, is_good);
  if (!is_good || !ReadConditions(from, endpoint.is_ready) || !ReadTarget(from, endpoint.target) ||
      !ReadText(from, "hostname", kNameBytesMax, endpoint.hostname)) {
    return false;
  }
  if (!endpoint.hostname.empty() && !IsDnsLabel(endpoint.hostname)) return false;
  if (!address) {
    ++slice.unusable;
    return true;
  }
  endpoint.address = *address;
  slice.endpoints.push_back(std::move(endpoint));
  return true;
}

bool ReadMetadata(const object& from, std::string& name, std::string& version) {
  object metadata;
  return ReadField(from, "metadata", metadata) == Field::kRead &&
         ReadText(metadata, "name", kNameBytesMax, name) &&
         ReadText(metadata, "resourceVersion", kVersionBytesMax, version);
}

bool ReadEndpoints(const object& from, EndpointSlice& slice) {
  array endpoints;
  const Field field = ReadField(from, "endpoints", endpoints);
  if (field != Field::kRead) return field == Field::kAbsent;
  slice.endpoints.reserve(endpoints.size());
  for (const element item : endpoints) {
    object endpoint;
    if (item.get(endpoint) != simdjson::SUCCESS || !ReadEndpoint(endpoint, slice)) return false;
  }
  return true;
}

ApiStatus ReadStatus(const object& from) {
  ApiStatus status;
  std::int64_t code = 0;
  std::string_view text;
  if (ReadField(from, "code", code) == Field::kRead && code > 0 && code < 1000) {
    status.code = static_cast<int>(code);
  }
  if (ReadField(from, "reason", text) == Field::kRead) status.reason = Printable(text);
  if (ReadField(from, "message", text) == Field::kRead) status.message = Printable(text);
  return status;
}

std::optional<SliceEvent::Type> ToType(std::string_view text) {
  if (text == "ADDED" || text == "MODIFIED") return SliceEvent::Type::kPut;
  if (text == "DELETED") return SliceEvent::Type::kDelete;
  if (text == "BOOKMARK") return SliceEvent::Type::kBookmark;
  if (text == "ERROR") return SliceEvent::Type::kError;
  return std::nullopt;
}

bool Parse(simdjson::dom::parser& parser, std::string_view json, object& root) {
  element document;
  return !json.empty() &&  // which simdjson would copy from nowhere
         parser.parse(json.data(), json.size()).get(document) == simdjson::SUCCESS &&
         document.get(root) == simdjson::SUCCESS;
}

tl::unexpected<std::string> Fault(std::string text) {
  return tl::unexpected<std::string>(std::move(text));
}

}  // namespace

bool IsDnsLabel(std::string_view text) {
  const auto is_good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), is_good);
}

tl::expected<SlicePage, std::string> ParseSlicePage(std::string_view json) {
  simdjson::dom::parser parser;
  object root;
  if (!Parse(parser, json, root)) return Fault("the list is not JSON");
  SlicePage page;
  std::string_view kind;
  object metadata;
  array items;
  if (ReadField(root, "kind", kind) != Field::kRead || kind != "EndpointSliceList" ||
      ReadField(root, "metadata", metadata) != Field::kRead ||
      !ReadText(metadata, "resourceVersion", kVersionBytesMax, page.resource_version) ||
      !ReadText(metadata, "continue", kTokenBytesMax, page.continue_token)) {
    return Fault("the answer is no list of EndpointSlices");
  }
  const Field field = ReadField(root, "items", items);
  if (field == Field::kWrongType) return Fault("the list has no items");
  if (field == Field::kAbsent) return page;
  page.slices.reserve(items.size());
  for (const element item : items) {
    object from;
    std::string version;
    EndpointSlice& slice = page.slices.emplace_back();
    if (item.get(from) != simdjson::SUCCESS || !ReadMetadata(from, slice.name, version) ||
        slice.name.empty() || !ReadEndpoints(from, slice)) {
      return Fault("an EndpointSlice of the list is malformed");
    }
  }
  return page;
}

tl::expected<SliceEvent, std::string> ParseSliceEvent(std::string_view json) {
  simdjson::dom::parser parser;
  object root;
  if (!Parse(parser, json, root)) return Fault("an event is not JSON");
  SliceEvent event;
  std::string_view type;
  object from;
  if (ReadField(root, "type", type) != Field::kRead ||
      ReadField(root, "object", from) != Field::kRead) {
    return Fault("an event has no type or no object");
  }
  const std::optional<SliceEvent::Type> known = ToType(type);
  if (!known) return Fault("an event is of an unknown type");
  event.type = *known;
  if (event.type == SliceEvent::Type::kError) {
    event.status = ReadStatus(from);
    return event;
  }
  if (!ReadMetadata(from, event.slice.name, event.resource_version) ||
      event.resource_version.empty()) {
    return Fault("an event has no resourceVersion");
  }
  if (event.type == SliceEvent::Type::kBookmark) return event;
  const bool is_read = !event.slice.name.empty() && (event.type == SliceEvent::Type::kDelete ||
                                                     ReadEndpoints(from, event.slice));
  if (!is_read) return Fault("the EndpointSlice of an event is malformed");
  return event;
}

ApiStatus ParseApiStatus(std::string_view json) {
  simdjson::dom::parser parser;
  object root;
  std::string_view kind;
  if (!Parse(parser, json, root) || ReadField(root, "kind", kind) != Field::kRead ||
      kind != "Status") {
    return {};
  }
  return ReadStatus(root);
}

}  // namespace resolver
