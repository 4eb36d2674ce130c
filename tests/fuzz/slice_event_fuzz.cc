// Fuzz target: any bytes as what an API server says of EndpointSlices: as the stream of a
// watch and as a page of a list, through the functions the resolver uses, on to the set of members.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "resolver/endpoint.h"
#include "resolver/endpoint_slice.h"
#include "resolver/line_splitter.h"
#include "resolver/slice_store.h"

namespace {

constexpr std::size_t kLineBytesMax = 64 * 1024;
constexpr std::size_t kTextBytesMax = 300;

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequireGood(const resolver::EndpointSlice& slice) {
  Require(!slice.name.empty());
  for (const resolver::SliceEndpoint& endpoint : slice.endpoints) {
    Require(resolver::IsDialable(endpoint.address));
    Require(resolver::Canonical(endpoint.address) == endpoint.address);
    Require(endpoint.hostname.empty() || resolver::IsDnsLabel(endpoint.hostname));
  }
}

void RequirePrintable(const resolver::ApiStatus& status) {
  Require(status.message.size() <= kTextBytesMax && status.code >= 0);
  for (const char c : status.message) Require(c != '\n' && c != '\r');
}

void RequireSet(const resolver::SliceStore& store, bool return_hostnames) {
  resolver::KubernetesOptions options;
  options.service = "sampler";
  options.service_namespace = "observability";
  options.ports = {4317, 14317};
  options.return_hostnames = return_hostnames;
  const resolver::SliceStore::Members members = store.MembersFor(options);
  Require(members.endpoints.size() <= resolver::kEndpointsMax);
  for (std::size_t i = 1; i < members.endpoints.size(); ++i) {
    Require(members.endpoints[i - 1].name < members.endpoints[i].name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  resolver::SliceStore store;
  if (auto page = resolver::ParseSlicePage(text)) {
    for (const resolver::EndpointSlice& slice : page->slices) RequireGood(slice);
    Require(store.Replace(std::move(page->slices)));
    RequireSet(store, false);
  } else {
    Require(!page.error().empty());
  }
  RequirePrintable(resolver::ParseApiStatus(text));
  resolver::LineSplitter lines(kLineBytesMax);
  lines.Take(text, [&](std::string_view line) {
    Require(!line.empty() && line.size() <= kLineBytesMax);
    auto event = resolver::ParseSliceEvent(line);
    if (!event) return false;
    if (event->type == resolver::SliceEvent::Type::kError) {
      RequirePrintable(event->status);
      return false;
    }
    Require(!event->resource_version.empty());
    if (event->type == resolver::SliceEvent::Type::kDelete) store.Delete(event->slice.name);
    if (event->type == resolver::SliceEvent::Type::kPut) {
      RequireGood(event->slice);
      Require(store.Put(std::move(event->slice)));
    }
    return true;
  });
  RequireSet(store, true);
  return 0;
}
