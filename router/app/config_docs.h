// RenderConfigurationDocs: docs/configuration.md, and a table of docs/migration.md, from the key
// table, so that the page cannot drift from the reader. A test compares the file with it and says
// how to write it anew.
// Thread safety: pure.
#pragma once

#include <string>

namespace router {

std::string RenderConfigurationDocs();
// The table of docs/migration.md: each key of a Collector's file, in few words.
std::string RenderMigrationTable();

}  // namespace router
