#include "resolver/host_batch.h"

#include <cassert>
#include <utility>

namespace resolver {

HostBatch::HostBatch(boost::asio::any_io_executor executor, AresChannel& channel,
                     std::vector<std::string> hosts, HostRules rules, Callback callback)
    : executor_(std::move(executor)),
      channel_(channel),
      hosts_(std::move(hosts)),
      rules_(std::move(rules)),
      callback_(std::move(callback)),
      answers_(hosts_.size()),
      lookups_(hosts_.size()) {
  assert(!hosts_.empty());
  while (next_ < hosts_.size() && next_ < kLookupsAtOnceMax) {
    StartNext();
  }
}

HostBatch::~HostBatch() = default;

void HostBatch::StartNext() {
  const std::size_t index = next_++;
  lookups_[index] = std::make_unique<HostLookup>(
      executor_, channel_, hosts_[index], rules_,
      [this, index](const HostAnswer& answer) { OnAnswer(index, answer); });
}

void HostBatch::OnAnswer(std::size_t index, const HostAnswer& answer) {
  answers_[index] = answer;
  lookups_[index].reset();
  if (++done_ == hosts_.size()) {
    const Callback callback = std::move(callback_);  // it may destroy us
    const std::vector<HostAnswer> answers = std::move(answers_);
    callback(answers);
    return;
  }
  if (next_ < hosts_.size()) {
    StartNext();
  }
}

}  // namespace resolver
