// `spanring probe`: sends one span with a random trace ID over OTLP/gRPC, as an SDK would, and says
// what became of it.
//
// A running router acknowledges a span only when the backend that owns its trace has accepted it,
// so that an OK here proves the whole way.
// Thread safety: call it on the main thread; blocks until the answer.
#pragma once

#include <string>
#include <vector>

namespace router {

struct ProbeOptions {
  std::string endpoint = "localhost:4317";  // host:port of OTLP/gRPC
  std::string readyz;                       // http URL that is asked first until it says 200
  std::vector<std::string> headers;         // name=value
  bool is_tls = false;
  std::string ca_file;  // TLS, these authorities; empty: those of the system
  std::string cert_file, key_file;
  std::string server_name;  // whom the certificate must be for; empty: the host of `endpoint`
  bool skip_verify = false;
  std::string timeout = "10s";  // for everything together
};

// Prints what happened: one line on stdout when the span was acknowledged, on stderr when not. The
// exit code: 0 acknowledged; 1 anything else, a span that was refused among it.
int Probe(const ProbeOptions& options);

}  // namespace router
