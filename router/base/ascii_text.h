// Text of protocols and configuration: ASCII, in any case, with space around it.
// Thread safety: pure functions; views refer into their arguments.
#pragma once

#include <string>
#include <string_view>

namespace router {

char LowerCase(char character);
std::string LowerCase(std::string_view text);
// Compares without case.
bool IsSameText(std::string_view one, std::string_view other);
// Without spaces and tabs at both ends.
std::string_view Trimmed(std::string_view text);

}  // namespace router
