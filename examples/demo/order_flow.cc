#include "examples/demo/order_flow.h"

#include <random>
#include <string>
#include <utility>

namespace router::demo {
namespace {

using opentelemetry::proto::common::v1::KeyValue;
using opentelemetry::proto::trace::v1::Status;
using KeyValues = google::protobuf::RepeatedPtrField<KeyValue>;

constexpr char kSchemaUrl[] = "https://opentelemetry.io/schemas/1.26.0";
constexpr std::array<const char*, 8> kProducts = {"teapot", "lamp",  "clock", "chair",
                                                  "kettle", "radio", "globe", "mirror"};
constexpr std::array<std::string_view, 5> kRoleNames = {"gateway", "orders", "queue", "worker",
                                                        "mail"};
constexpr std::array<const char*, kScopeCount> kScopeNames = {
    "shop.http.server", "shop.http.client", "shop.database", "shop.messaging", "shop.business"};

void Put(KeyValues* attributes, std::string key, std::string value) {
  KeyValue* attribute = attributes->Add();
  attribute->set_key(std::move(key));
  attribute->mutable_value()->set_string_value(std::move(value));
}

void Put(KeyValues* attributes, std::string key, std::int64_t value) {
  KeyValue* attribute = attributes->Add();
  attribute->set_key(std::move(key));
  attribute->mutable_value()->set_int_value(value);
}

// One trace under construction. Times are milliseconds since the flow's beginning.
class TraceScript {
 public:
  TraceScript(const FlowOptions& options, std::mt19937_64& random, std::vector<PlannedSpan>& spans)
      : options_(options), random_(random), spans_(spans), trace_id_(RandomBytes(16)) {}

  std::int64_t Between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool OneIn(std::int64_t n) { return Between(1, n) == 1; }

  // An empty `parent` makes a root. The reference holds until the next Add.
  Span& Add(Role role, Scope scope, const std::string& parent, std::string name,
            Span::SpanKind kind, std::int64_t begin, std::int64_t length) {
    PlannedSpan planned{role, scope, std::chrono::milliseconds(begin + length), Span()};
    planned.span.set_trace_id(trace_id_);
    planned.span.set_span_id(RandomBytes(8));
    planned.span.set_parent_span_id(parent);
    planned.span.set_flags(0x101);
    planned.span.set_name(std::move(name));
    planned.span.set_kind(kind);
    planned.span.set_start_time_unix_nano(Nanos(begin));
    planned.span.set_end_time_unix_nano(Nanos(begin + length) + random_() % 1'000'000);
    spans_.push_back(std::move(planned));
    return spans_.back().span;
  }

  void Fail(Span& span, std::int64_t at, const std::string& type, const std::string& message) {
    Span::Event* event = span.add_events();
    event->set_time_unix_nano(Nanos(at));
    event->set_name("exception");
    Put(event->mutable_attributes(), "exception.type", type);
    Put(event->mutable_attributes(), "exception.message", message);
    span.mutable_status()->set_code(Status::STATUS_CODE_ERROR);
    span.mutable_status()->set_message(message);
  }

  const std::string& trace_id() const { return trace_id_; }

 private:
  std::uint64_t Nanos(std::int64_t milliseconds) const {
    return options_.epoch_unix_nano + static_cast<std::uint64_t>(milliseconds) * 1'000'000;
  }
  std::string RandomBytes(std::size_t count) {
    std::string bytes;
    while (bytes.size() < count) bytes.push_back(static_cast<char>(random_() % 255 + 1));
    return bytes;
  }

  const FlowOptions& options_;
  std::mt19937_64& random_;
  std::vector<PlannedSpan>& spans_;
  const std::string trace_id_;
};

void PutDatabase(Span& span, const char* system, const char* operation, const char* collection) {
  Put(span.mutable_attributes(), "db.system.name", system);
  Put(span.mutable_attributes(), "db.namespace", "shop");
  Put(span.mutable_attributes(), "db.operation.name", operation);
  Put(span.mutable_attributes(), "db.collection.name", collection);
}

void PutHttp(Span& span, const char* path, std::int64_t status, bool is_server) {
  Put(span.mutable_attributes(), "http.request.method", "POST");
  Put(span.mutable_attributes(), "url.path", path);
  if (is_server) Put(span.mutable_attributes(), "http.route", path);
  Put(span.mutable_attributes(), "http.response.status_code", status);
  Put(span.mutable_attributes(), is_server ? "client.address" : "server.address",
      is_server ? "203.0.113.7" : "orders.shop.internal");
}

void PutMessaging(Span& span, const char* destination, const char* operation) {
  Put(span.mutable_attributes(), "messaging.system", "rabbitmq");
  Put(span.mutable_attributes(), "messaging.destination.name", destination);
  Put(span.mutable_attributes(), "messaging.operation.type", operation);
}

// The synchronous half: from the click to the answer. Returns the publishing span's ID and the time
// it ended; an empty ID when the payment failed and the order ends here.
std::pair<std::string, std::int64_t> PlaceOrder(TraceScript& trace, std::uint32_t index,
                                                std::int64_t begin) {
  const bool fails = trace.OneIn(12);
  const std::int64_t stock = trace.Between(2, 20);
  const std::int64_t payment = trace.Between(40, 220);
  const std::int64_t total = 20 + stock + payment + 25;

  Span& root = trace.Add(Role::kGateway, Scope::kServer, "", "POST /api/orders",
                         Span::SPAN_KIND_SERVER, begin, total + 12);
  PutHttp(root, "/api/orders", fails ? 502 : 201, true);
  Put(root.mutable_attributes(), "user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)");
  if (fails) root.mutable_status()->set_code(Status::STATUS_CODE_ERROR);
  const std::string root_id = root.span_id();
  Span& login = trace.Add(Role::kGateway, Scope::kBusiness, root_id, "check session",
                          Span::SPAN_KIND_INTERNAL, begin + 1, trace.Between(1, 6));
  Put(login.mutable_attributes(), "enduser.id", "customer-" + std::to_string(index % 977));
  Span& call = trace.Add(Role::kGateway, Scope::kClient, root_id, "POST", Span::SPAN_KIND_CLIENT,
                         begin + 8, total);
  PutHttp(call, "/orders", fails ? 502 : 201, false);
  const std::string call_id = call.span_id();

  Span& server = trace.Add(Role::kOrders, Scope::kServer, call_id, "POST /orders",
                           Span::SPAN_KIND_SERVER, begin + 10, total - 4);
  PutHttp(server, "/orders", fails ? 502 : 201, true);
  Put(server.mutable_attributes(), "shop.order.number", std::int64_t{100'000} + index);
  Put(server.mutable_attributes(), "shop.product", kProducts[index % kProducts.size()]);
  if (fails) server.mutable_status()->set_code(Status::STATUS_CODE_ERROR);
  const std::string server_id = server.span_id();
  PutDatabase(trace.Add(Role::kOrders, Scope::kDatabase, server_id, "SELECT stock",
                        Span::SPAN_KIND_CLIENT, begin + 12, stock),
              "postgresql", "SELECT", "stock");
  Span& pay = trace.Add(Role::kOrders, Scope::kClient, server_id, "POST", Span::SPAN_KIND_CLIENT,
                        begin + 14 + stock, payment);
  PutHttp(pay, "/v2/charges", fails ? 402 : 200, false);
  const std::int64_t paid = begin + 14 + stock + payment;
  if (fails) {
    trace.Fail(pay, paid, "shop.PaymentDeclined", "the card was declined");
    return {};
  }
  PutDatabase(trace.Add(Role::kOrders, Scope::kDatabase, server_id, "INSERT orders",
                        Span::SPAN_KIND_CLIENT, paid + 1, 6),
              "postgresql", "INSERT", "orders");
  Span& publish = trace.Add(Role::kOrders, Scope::kMessaging, server_id, "send orders",
                            Span::SPAN_KIND_PRODUCER, paid + 8, 3);
  PutMessaging(publish, "orders", "send");
  return {publish.span_id(), paid + 11};
}

// A message waits in the queue; returns the delivering span's ID and the time it ended.
std::pair<std::string, std::int64_t> PassQueue(TraceScript& trace, const char* queue,
                                               const std::string& parent, std::int64_t begin,
                                               std::int64_t wait) {
  Span& enqueue = trace.Add(Role::kQueue, Scope::kMessaging, parent,
                            std::string("enqueue ") + queue, Span::SPAN_KIND_INTERNAL, begin, 1);
  PutMessaging(enqueue, queue, "create");
  Span& deliver =
      trace.Add(Role::kQueue, Scope::kMessaging, parent, std::string("deliver ") + queue,
                Span::SPAN_KIND_INTERNAL, begin + wait, 2);
  PutMessaging(deliver, queue, "deliver");
  Put(deliver.mutable_attributes(), "messaging.message.wait_ms", wait);
  return {deliver.span_id(), begin + wait + 2};
}

void SendMail(TraceScript& trace, const std::string& parent, std::int64_t begin,
              const char* subject) {
  const std::int64_t smtp = trace.Between(60, 400);
  const bool greylisted = trace.OneIn(25);
  Span& process = trace.Add(Role::kMail, Scope::kMessaging, parent, "process mail",
                            Span::SPAN_KIND_CONSUMER, begin, smtp + (greylisted ? 905 : 5));
  PutMessaging(process, "mail", "process");
  Put(process.mutable_attributes(), "shop.mail.subject", subject);
  const std::string process_id = process.span_id();
  std::int64_t at = begin + 2;
  if (greylisted) {
    Span& refused = trace.Add(Role::kMail, Scope::kClient, process_id, "SMTP send",
                              Span::SPAN_KIND_CLIENT, at, 90);
    Put(refused.mutable_attributes(), "server.address", "mx.example.net");
    trace.Fail(refused, at + 90, "smtp.Temporary", "451 greylisted, try again later");
    at += 900;
  }
  Span& sent = trace.Add(Role::kMail, Scope::kClient, process_id, "SMTP send",
                         Span::SPAN_KIND_CLIENT, at, smtp);
  Put(sent.mutable_attributes(), "server.address", "mx.example.net");
}

// Worker and mail: seconds after the customer was answered. Returns the ID of the worker's span
// that schedules a job, and when it did.
std::pair<std::string, std::int64_t> FulfilOrder(TraceScript& trace, const std::string& parent,
                                                 std::int64_t begin) {
  const bool slow = trace.OneIn(20);
  const std::int64_t render = slow ? trace.Between(2500, 3500) : trace.Between(150, 900);
  Span& process = trace.Add(Role::kWorker, Scope::kMessaging, parent, "process orders",
                            Span::SPAN_KIND_CONSUMER, begin, render + 60);
  PutMessaging(process, "orders", "process");
  const std::string process_id = process.span_id();
  PutDatabase(trace.Add(Role::kWorker, Scope::kDatabase, process_id, "GET", Span::SPAN_KIND_CLIENT,
                        begin + 2, trace.Between(1, 4)),
              "redis", "GET", "customer");
  Span& invoice = trace.Add(Role::kWorker, Scope::kBusiness, process_id, "render invoice",
                            Span::SPAN_KIND_INTERNAL, begin + 8, render);
  Put(invoice.mutable_attributes(), "shop.invoice.pages", slow ? 40 : trace.Between(1, 3));
  PutDatabase(trace.Add(Role::kWorker, Scope::kDatabase, process_id, "UPDATE orders",
                        Span::SPAN_KIND_CLIENT, begin + render + 10, 12),
              "postgresql", "UPDATE", "orders");
  Span& publish = trace.Add(Role::kWorker, Scope::kMessaging, process_id, "send mail",
                            Span::SPAN_KIND_PRODUCER, begin + render + 30, 3);
  PutMessaging(publish, "mail", "send");
  const std::string publish_id = publish.span_id();
  const std::int64_t published = begin + render + 33;
  const auto [delivered_id, delivered] =
      PassQueue(trace, "mail", publish_id, published, trace.Between(200, 1200));
  SendMail(trace, delivered_id, delivered, "Your invoice");
  return {process_id, published};
}

// A trace of its own, linked to the order that scheduled it.
void RunJob(TraceScript& trace, const std::string& order_trace_id, const std::string& order_span_id,
            std::int64_t begin) {
  Span& root = trace.Add(Role::kWorker, Scope::kBusiness, "", "job review-reminder",
                         Span::SPAN_KIND_INTERNAL, begin, trace.Between(40, 250));
  Put(root.mutable_attributes(), "shop.job.name", "review-reminder");
  Span::Link* link = root.add_links();
  link->set_trace_id(order_trace_id);
  link->set_span_id(order_span_id);
  link->set_flags(0x301);
  Put(link->mutable_attributes(), "shop.link.reason", "scheduled by");
  const std::string root_id = root.span_id();
  PutDatabase(trace.Add(Role::kWorker, Scope::kDatabase, root_id, "SELECT customers",
                        Span::SPAN_KIND_CLIENT, begin + 3, 9),
              "postgresql", "SELECT", "customers");
  const auto [delivered_id, delivered] =
      PassQueue(trace, "mail", root_id, begin + 30, trace.Between(200, 1500));
  SendMail(trace, delivered_id, delivered, "How do you like it?");
}

}  // namespace

std::string_view RoleName(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }

std::optional<Role> RoleFromName(std::string_view name) {
  for (const Role role : kRoles) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

std::vector<PlannedSpan> PlanOrder(const FlowOptions& options, std::uint32_t index) {
  std::mt19937_64 random(options.seed * 1'000'003 + index);
  std::vector<PlannedSpan> spans;
  TraceScript order(options, random, spans);
  const std::int64_t begin = options.arrivals.count() * index / options.orders;
  const auto [publish_id, published] = PlaceOrder(order, index, begin);
  if (publish_id.empty()) return spans;
  const auto [delivered_id, delivered] =
      PassQueue(order, "orders", publish_id, published, order.Between(300, 2500));
  const auto [scheduler_id, scheduled] = FulfilOrder(order, delivered_id, delivered);
  if (order.OneIn(5)) {
    TraceScript job(options, random, spans);
    RunJob(job, order.trace_id(), scheduler_id, scheduled + job.Between(500, 2000));
  }
  return spans;
}

ExportRequest MakeRequest(Role role, const std::vector<const PlannedSpan*>& spans) {
  const std::string name(RoleName(role));
  ExportRequest request;
  auto* resource_spans = request.add_resource_spans();
  KeyValues* resource = resource_spans->mutable_resource()->mutable_attributes();
  Put(resource, "service.name", "shop-" + name);
  Put(resource, "service.namespace", "shop");
  Put(resource, "service.version", "2.7.1");
  Put(resource, "service.instance.id", name + "-5d9c7b-0");
  Put(resource, "deployment.environment.name", "demo");
  Put(resource, "telemetry.sdk.language", "cpp");
  resource_spans->set_schema_url(kSchemaUrl);
  std::array<opentelemetry::proto::trace::v1::ScopeSpans*, kScopeCount> scopes{};
  for (const PlannedSpan* planned : spans) {
    const auto scope = static_cast<std::size_t>(planned->scope);
    if (scopes[scope] == nullptr) {
      scopes[scope] = resource_spans->add_scope_spans();
      scopes[scope]->mutable_scope()->set_name(kScopeNames[scope]);
      scopes[scope]->mutable_scope()->set_version("1.4." + std::to_string(scope));
      scopes[scope]->set_schema_url(kSchemaUrl);
    }
    *scopes[scope]->add_spans() = planned->span;
  }
  return request;
}

}  // namespace router::demo
