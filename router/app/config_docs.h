// RenderConfigurationDocs: docs/configuration.md from the key table, so that the page cannot drift
// from the reader. A test compares the file with it and says how to write it anew.
// Thread safety: pure.
#pragma once

#include <string>

namespace router {

std::string RenderConfigurationDocs();

}  // namespace router
