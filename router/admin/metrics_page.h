// MetricsPage: the families of one page in Prometheus's text format, while it is built.
// Thread safety: one thread; lives for one scrape.
#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <string>
#include <utility>
#include <vector>

namespace router {

class MetricsPage {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  void Begin(prometheus::MetricType type, const std::string& name, const std::string& help) {
    prometheus::MetricFamily& family = families_.emplace_back();
    family.type = type;
    family.name = name;
    family.help = help;
  }
  prometheus::ClientMetric& Add(const Labels& labels) {
    prometheus::ClientMetric& metric = families_.back().metric.emplace_back();
    for (const auto& [name, value] : labels) {
      prometheus::ClientMetric::Label label;
      label.name = name;
      label.value = value;
      metric.label.push_back(std::move(label));
    }
    return metric;
  }
  void Counter(const std::string& name, const std::string& help, double value) {
    Begin(prometheus::MetricType::Counter, name, help);
    AddCounter({}, value);
  }
  void Gauge(const std::string& name, const std::string& help, double value) {
    Begin(prometheus::MetricType::Gauge, name, help);
    AddGauge({}, value);
  }
  void AddCounter(const Labels& labels, double value) { Add(labels).counter.value = value; }
  void AddGauge(const Labels& labels, double value) { Add(labels).gauge.value = value; }
  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace router
