#include "router/transport/http_date.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace router {

HttpDate HttpDateOf(std::time_t time) {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  HttpDate date;
  auto out = date.begin();
  const auto text = [&out](std::string_view from) {
    out = std::copy(from.begin(), from.end(), out);
  };
  const auto digits = [&out](int value, int count) {
    for (int i = count - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
    out += count;
  };
  text(kDays.substr(static_cast<std::size_t>(parts.tm_wday) * 3, 3));
  text(", ");
  digits(parts.tm_mday, 2);
  text(" ");
  text(kMonths.substr(static_cast<std::size_t>(parts.tm_mon) * 3, 3));
  text(" ");
  digits(parts.tm_year + 1900, 4);
  text(" ");
  digits(parts.tm_hour, 2);
  text(":");
  digits(parts.tm_min, 2);
  text(":");
  digits(parts.tm_sec, 2);
  text(" GMT");
  return date;
}

HttpDate HttpDateNow() { return HttpDateOf(std::time(nullptr)); }

}  // namespace router
