#include "resolver/static_resolver.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <cassert>
#include <set>
#include <utility>

namespace resolver {
namespace asio = boost::asio;
namespace {

std::optional<asio::ip::address> Literal(const std::string& host) {
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  return error ? std::nullopt : std::optional(Canonical(address));
}

// The address to use from now on: `current` while the answer has it or does not know its family.
asio::ip::address Choose(const std::optional<asio::ip::address>& current,
                         const EndpointAnswer& answer) {
  std::vector<asio::ip::address> found;
  for (const Endpoint& endpoint : answer.endpoints) {
    found.push_back(endpoint.address.address());
  }
  if (current) {
    const bool known = current->is_v4() ? answer.v4_known : answer.v6_known;
    if (!known || std::find(found.begin(), found.end(), *current) != found.end()) {
      return *current;
    }
  }
  return *std::min_element(found.begin(), found.end());  // IPv4 sorts before IPv6
}

}  // namespace

tl::expected<StaticHost, std::string> ParseStaticHost(const std::string& text) {
  const auto parsed = ParseHostPort(text);
  if (!parsed) {
    return tl::make_unexpected(parsed.error());
  }
  StaticHost host;
  host.host = parsed->host;
  host.port = parsed->port.value_or(kDefaultPort);
  host.collector_name = text;
  host.name = host.host + ":" + std::to_string(host.port);
  if (const auto address = Literal(host.host)) {
    if (!IsDialable(*address)) {
      return tl::make_unexpected("\"" + text + "\": nobody can be connected to at this address");
    }
    host.name = CanonicalName({*address, host.port});
  }
  return host;
}

StaticResolver::Member::Member(asio::io_context& control, StaticHost static_host,
                               DnsOptions dns_options)
    : host(std::move(static_host)),
      options(std::move(dns_options)),
      address(Literal(host.host)),
      is_literal(address.has_value()),
      schedule(options.interval, options.interval_min, options.jitter_seed),
      timer(control) {
  options.hostname = host.host;
  options.port = host.port;
  options.srv = false;
}

StaticResolver::StaticResolver(asio::io_context& control, std::vector<StaticHost> hosts,
                               const DnsOptions& options, Listener& listener)
    : control_(control), listener_(listener), first_set_timer_(control) {
  std::set<std::string> names;
  DnsOptions member_options = options;
  for (StaticHost& host : hosts) {
    if (names.insert(host.name).second) {
      if (member_options.jitter_seed) {
        ++*member_options.jitter_seed;  // the names drift apart
      }
      members_.push_back(std::make_unique<Member>(control, std::move(host), member_options));
    }
  }
}

StaticResolver::~StaticResolver() = default;

void StaticResolver::Start() {
  assert(running_ == nullptr);
  running_ = std::make_shared<StaticResolver*>(this);
  asio::post(control_, [weak = std::weak_ptr(running_)] {
    // Begin asks whether the listener has stopped us: no hold on `running_` while it runs.
    StaticResolver* const self = weak.expired() ? nullptr : *weak.lock();
    if (self != nullptr) {
      self->Begin();
    }
  });
}

void StaticResolver::Stop() {
  running_.reset();
  first_set_timer_.cancel();
  for (const auto& member : members_) {
    member->attempt.reset();
    member->timer.cancel();
  }
}

void StaticResolver::Begin() {
  for (const auto& member : members_) {
    if (member->is_literal) {
      ResolutionReport& report = untold_.emplace_back();
      report.hostname = member->host.host;
      report.outcome = Outcome::kSuccess;
      report.v4 = member->address->is_v4() ? Outcome::kSuccess : Outcome::kNoData;
      report.v6 = member->address->is_v6() ? Outcome::kSuccess : Outcome::kNoData;
      report.records = 1;
    } else {
      Attempt(*member);
    }
  }
  if (IsFirstSetWhole()) {
    Tell();
    return;
  }
  first_set_timer_.expires_after(kFirstSetWait);
  first_set_timer_.async_wait(
      [weak = std::weak_ptr(running_)](const boost::system::error_code& error) {
        StaticResolver* const self = weak.expired() ? nullptr : *weak.lock();
        if (!error && self != nullptr && self->is_waiting_) {
          self->Tell();
        }
      });
}

bool StaticResolver::IsFirstSetWhole() const {
  return std::all_of(members_.begin(), members_.end(), [](const auto& member) {
    return member->is_literal || member->has_ended_once;
  });
}

void StaticResolver::Attempt(Member& member) {
  member.attempt = std::make_unique<DnsAttempt>(
      control_.get_executor(), member.options,
      [this, &member](const EndpointAnswer& answer, const ResolutionReport& report) {
        OnAttempt(member, answer, report);
      });
}

void StaticResolver::OnAttempt(Member& member, const EndpointAnswer& answer,
                               const ResolutionReport& report) {
  member.attempt.reset();
  member.has_ended_once = true;
  if (!answer.endpoints.empty()) {
    member.address = Choose(member.address, answer);
  }
  AskLater(member, report);
  untold_.push_back(report);
  if (!is_waiting_ || IsFirstSetWhole()) {
    Tell();
  }
}

void StaticResolver::AskLater(Member& member, const ResolutionReport& report) {
  member.timer.expires_after(member.schedule.Next(report.ttl, report.elapsed));
  member.timer.async_wait(
      [running = std::weak_ptr(running_), &member](const boost::system::error_code& error) {
        const auto self = running.lock();
        if (!error && self) {
          (*self)->Attempt(member);
        }
      });
}

// The set if it has changed, then the reports of the attempts behind it.
void StaticResolver::Tell() {
  is_waiting_ = false;
  first_set_timer_.cancel();
  const std::weak_ptr<StaticResolver*> running = running_;  // the listener may stop or destroy us
  const std::vector<ResolutionReport> reports = std::exchange(untold_, {});
  PublishIfChanged();
  for (const ResolutionReport& report : reports) {
    if (running.expired()) {
      return;
    }
    listener_.OnResolution(report);
  }
}

void StaticResolver::PublishIfChanged() {
  std::vector<Endpoint> endpoints;
  for (const auto& member : members_) {
    if (member->address) {
      endpoints.push_back(
          {member->host.name, member->host.collector_name, {*member->address, member->host.port}});
    }
  }
  EndpointSet next = MakeEndpointSet(std::move(endpoints));
  if (next == current_) {
    return;
  }
  current_ = next;
  listener_.OnEndpoints(next);
}

}  // namespace resolver
