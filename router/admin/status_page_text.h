// The text of router/admin/status_page.html, put into the program when it is built.
// Thread safety: a constant.
#pragma once

#include <string_view>

namespace router {

extern const std::string_view kStatusPage;

}  // namespace router
