// What systemd is told of a service of Type=notify: one datagram to $NOTIFY_SOCKET.
// Thread safety: any thread. Never blocks; does nothing when nobody asked for it. A message that
// cannot be sent is lost: systemd then judges by its timeouts.
#pragma once

#include <string_view>

namespace router {

// Such as "READY=1"; several are separated by line breaks. See sd_notify(3).
void NotifyServiceManager(std::string_view message);
// The start of a reload, with the time that systemd wants with it.
void NotifyReloading();

}  // namespace router
