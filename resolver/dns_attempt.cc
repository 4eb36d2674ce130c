#include "resolver/dns_attempt.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>
#include <utility>

#include "resolver/search_list.h"

namespace resolver {
namespace {

// What several answers come to: success if any has records, then any failure, then no data.
Outcome Worse(Outcome a, Outcome b) {
  if (a == Outcome::kSuccess || b == Outcome::kSuccess) {
    return Outcome::kSuccess;
  }
  if (!IsAuthentic(a) || !IsAuthentic(b)) {
    return IsAuthentic(a) ? b : a;
  }
  return a == Outcome::kNoData ? a : b;
}

// Answers after which another server may know better.
bool IsFailingServer(Outcome outcome) {
  return outcome == Outcome::kServFail || outcome == Outcome::kRefused ||
         outcome == Outcome::kOther;
}

std::optional<std::uint32_t> Smaller(std::optional<std::uint32_t> a,
                                     std::optional<std::uint32_t> b) {
  if (!a || !b) {
    return a ? a : b;
  }
  return std::min(a, b);
}

}  // namespace

DnsAttempt::DnsAttempt(boost::asio::any_io_executor executor, const DnsOptions& options,
                       Callback callback)
    : executor_(std::move(executor)),
      options_(options),
      callback_(std::move(callback)),
      started_(std::chrono::steady_clock::now()),
      deadline_(executor_, options.attempt_max),
      self_(std::make_shared<DnsAttempt*>(this)) {
  report_.hostname = options.hostname;
  deadline_.async_wait([weak = std::weak_ptr(self_)](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self) {
      (*self)->FinishWith(Outcome::kTimeout, "the attempt took too long");
    }
  });
  Start();
}

DnsAttempt::~DnsAttempt() = default;

void DnsAttempt::Start() {
  auto channel =
      AresChannel::Make(executor_, AresChannelOptions{options_.timeout, options_.tries,
                                                      options_.servers, first_round_.has_value()});
  if (!channel) {
    boost::asio::post(executor_, [weak = std::weak_ptr(self_), fault = channel.error()] {
      if (const auto self = weak.lock()) {
        (*self)->FinishWith(Outcome::kOther, fault);
      }
    });
    return;
  }
  channel_ = std::move(*channel);
  rules_.search = channel_->search_rules();
  if (options_.search_domains) {
    rules_.search.domains = *options_.search_domains;
  }
  rules_.hosts_file = options_.hosts_file;
  if (options_.srv) {
    service_names_ = SearchNames(options_.hostname, rules_.search.domains, rules_.search.dots_min);
    AskForServices();
  } else {
    LookUpHosts({options_.hostname});
  }
}

void DnsAttempt::AskForServices() {
  channel_->Query(service_names_[next_service_name_++], kDnsTypeSrv,
                  [weak = std::weak_ptr(self_)](const DnsAnswer& answer) {
                    if (const auto self = weak.lock()) {
                      (*self)->OnServices(answer);
                    }
                  });
}

void DnsAttempt::OnServices(const DnsAnswer& answer) {
  const bool nothing_here =
      answer.outcome == Outcome::kNxDomain || answer.outcome == Outcome::kNoData;
  saw_no_data_ = saw_no_data_ || answer.outcome == Outcome::kNoData;
  if (nothing_here && next_service_name_ < service_names_.size()) {
    AskForServices();
    return;
  }
  report_.unusable += answer.unusable;
  report_.ttl = answer.ttl;
  if (answer.services.empty()) {
    const Outcome outcome = saw_no_data_ && nothing_here ? Outcome::kNoData : answer.outcome;
    report_.outcome = report_.v4 = report_.v6 = outcome;
    answer_.v4_known = answer_.v6_known = IsAuthentic(outcome);
    saw_failing_server_ = IsFailingServer(outcome);
    FinishRound();
    return;
  }
  std::map<std::string, std::vector<std::uint16_t>> targets;
  for (const SrvRecord& service : answer.services) {
    targets[service.target].push_back(service.port);
  }
  std::vector<std::string> hosts;
  for (auto& [target, ports] : targets) {
    hosts.push_back(target + ".");
    ports_.push_back(std::move(ports));
  }
  LookUpHosts(std::move(hosts));
}

void DnsAttempt::LookUpHosts(std::vector<std::string> hosts) {
  batch_ = std::make_unique<HostBatch>(
      executor_, *channel_, std::move(hosts), rules_,
      [this](const std::vector<HostAnswer>& answers) { OnHosts(answers); });
}

void DnsAttempt::OnHosts(const std::vector<HostAnswer>& answers) {
  report_.v4 = answers.front().v4.outcome;
  report_.v6 = answers.front().v6.outcome;
  std::vector<Endpoint> found;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    AddHost(i, answers[i], found);
  }
  answer_.endpoints = MakeEndpointSet(std::move(found), &report_.cut);
  report_.records = answer_.endpoints.size();
  report_.outcome = Worse(report_.v4, report_.v6);
  FinishRound();
}

void DnsAttempt::AddHost(std::size_t index, const HostAnswer& host, std::vector<Endpoint>& found) {
  answer_.v4_known = answer_.v4_known && IsAuthentic(host.v4.outcome);
  answer_.v6_known = answer_.v6_known && IsAuthentic(host.v6.outcome);
  saw_failing_server_ =
      saw_failing_server_ || IsFailingServer(host.v4.outcome) || IsFailingServer(host.v6.outcome);
  report_.v4 = Worse(report_.v4, host.v4.outcome);
  report_.v6 = Worse(report_.v6, host.v6.outcome);
  report_.unusable += host.v4.unusable + host.v6.unusable;
  report_.ttl = Smaller(report_.ttl, host.Ttl());
  for (const DnsAnswer* family : {&host.v4, &host.v6}) {
    for (const auto& address : family->addresses) {
      if (ports_.empty()) {
        found.push_back(MakeEndpoint(address, options_.port));
        continue;
      }
      for (const std::uint16_t port : ports_[index]) {
        found.push_back(MakeEndpoint(address, port));
      }
    }
  }
}

void DnsAttempt::FinishWith(Outcome outcome, std::string detail) {
  answer_.endpoints.clear();
  report_.outcome = report_.v4 = report_.v6 = outcome;
  report_.detail = std::move(detail);
  Finish();
}

void DnsAttempt::FinishRound() {
  if (WantsSecondRound()) {
    StartSecondRound();
    return;
  }
  // In a second round c-ares cannot tell why nobody answered; the first round could.
  if (first_round_) {
    const auto restore = [](Outcome& outcome, Outcome first) {
      outcome = outcome == Outcome::kConnectionRefused ? first : outcome;
    };
    restore(report_.outcome, first_round_->outcome);
    restore(report_.v4, first_round_->v4);
    restore(report_.v6, first_round_->v6);
  }
  if (report_.outcome != Outcome::kSuccess || !answer_.v4_known || !answer_.v6_known) {
    report_.detail = std::string(OutcomeName(report_.v4)).append(" for IPv4, ");
    report_.detail.append(OutcomeName(report_.v6)).append(" for IPv6");
  }
  Finish();
}

bool DnsAttempt::WantsSecondRound() const {
  return !first_round_ && saw_failing_server_ && channel_->server_count() > 1;
}

void DnsAttempt::StartSecondRound() {
  first_round_ = std::exchange(report_, ResolutionReport());
  report_.hostname = options_.hostname;
  answer_ = EndpointAnswer();
  ports_.clear();
  next_service_name_ = 0;
  saw_no_data_ = false;
  batch_.reset();
  Start();
}

void DnsAttempt::Finish() {
  if (!callback_) {
    return;
  }
  report_.used_tcp = channel_ != nullptr && channel_->used_tcp();
  report_.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - started_);
  const Callback callback = std::exchange(callback_, nullptr);  // it may destroy us
  const EndpointAnswer answer = std::move(answer_);
  const ResolutionReport report = std::move(report_);
  callback(answer, report);
}

}  // namespace resolver
