// Sockets of the measuring programs: addresses in numbers only, non-blocking, no delay.
//
// Thread safety: free functions and values.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>

namespace bench {

// "127.0.0.1:4317"; nullopt if it is not an IPv4 address and a port.
std::optional<sockaddr_in> ParseAddress(const std::string& address);
std::string ToString(const sockaddr_in& address);

// A listening, non-blocking socket; port 0 is replaced by the one chosen. -1 with errno on failure.
int Listen(sockaddr_in& address);
// A connected, non-blocking socket; waits for the connection. -1 with errno on failure.
int Connect(const sockaddr_in& address);
// The next waiting connection, non-blocking, or -1.
int Accept(int listener);

// Makes a connected socket wait when it is written to, each time at most so long.
void SetBlocking(int fd, int seconds_max);

// As many file descriptors as this process may have.
void RaiseFileLimit();

// The same as for a plain wire (wire.h).
bool SendSome(int fd, std::string& out, bool& closed);

}  // namespace bench
