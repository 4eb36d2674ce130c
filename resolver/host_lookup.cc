#include "resolver/host_lookup.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "resolver/local_names.h"
#include "resolver/search_list.h"

namespace resolver {
namespace {

HostAnswer LocalAnswer(const std::vector<boost::asio::ip::address>& addresses) {
  HostAnswer answer;
  for (const auto& address : addresses) {
    (address.is_v4() ? answer.v4 : answer.v6).addresses.push_back(address);
  }
  answer.v4.outcome = answer.v4.addresses.empty() ? Outcome::kNoData : Outcome::kSuccess;
  answer.v6.outcome = answer.v6.addresses.empty() ? Outcome::kNoData : Outcome::kSuccess;
  return answer;
}

}  // namespace

Outcome HostAnswer::Combined() const {
  if (v4.outcome == Outcome::kSuccess || v6.outcome == Outcome::kSuccess) {
    return Outcome::kSuccess;
  }
  if (!IsAuthentic(v4.outcome)) {
    return v4.outcome;
  }
  if (!IsAuthentic(v6.outcome)) {
    return v6.outcome;
  }
  const bool no_data = v4.outcome == Outcome::kNoData || v6.outcome == Outcome::kNoData;
  return no_data ? Outcome::kNoData : Outcome::kNxDomain;
}

std::optional<std::uint32_t> HostAnswer::Ttl() const {
  if (!v4.ttl || !v6.ttl) {
    return v4.ttl ? v4.ttl : v6.ttl;
  }
  return std::min(v4.ttl, v6.ttl);
}

HostLookup::HostLookup(const boost::asio::any_io_executor& executor, AresChannel& channel,
                       const std::string& host, const HostRules& rules, Callback callback)
    : channel_(channel),
      names_(SearchNames(host, rules.search.domains, rules.search.dots_min)),
      callback_(std::move(callback)),
      self_(std::make_shared<HostLookup*>(this)) {
  std::vector<boost::asio::ip::address> local = LookUpLocally(host, rules.hosts_file);
  if (local.empty()) {
    AskNext();
    return;
  }
  boost::asio::post(executor, [weak = std::weak_ptr(self_), local = std::move(local)] {
    if (const auto self = weak.lock()) {
      (*self)->Finish(LocalAnswer(local));
    }
  });
}

HostLookup::~HostLookup() = default;

void HostLookup::AskNext() {
  const std::string& name = names_[next_++];
  current_ = HostAnswer();
  outstanding_ = 2;
  for (const bool is_v4 : {true, false}) {
    channel_.Query(name, is_v4 ? kDnsTypeA : kDnsTypeAaaa,
                   [weak = std::weak_ptr(self_), is_v4](const DnsAnswer& answer) {
                     if (const auto self = weak.lock()) {
                       (*self)->OnAnswer(is_v4, answer);
                     }
                   });
  }
}

void HostLookup::OnAnswer(bool is_v4, const DnsAnswer& answer) {
  (is_v4 ? current_.v4 : current_.v6) = answer;
  if (--outstanding_ > 0) {
    return;
  }
  const Outcome outcome = current_.Combined();
  const bool nothing_here = outcome == Outcome::kNxDomain || outcome == Outcome::kNoData;
  saw_no_data_ = saw_no_data_ || outcome == Outcome::kNoData;
  if (nothing_here && next_ < names_.size()) {
    AskNext();
    return;
  }
  if (outcome == Outcome::kNxDomain && saw_no_data_) {
    current_.v4.outcome = current_.v6.outcome = Outcome::kNoData;
  }
  Finish(std::move(current_));
}

void HostLookup::Finish(HostAnswer answer) {
  const Callback callback = std::move(callback_);  // it may destroy us
  callback(answer);
}

}  // namespace resolver
