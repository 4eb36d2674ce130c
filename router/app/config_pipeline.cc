#include "router/app/config_pipeline.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "router/app/config_check.h"
#include "router/app/config_keys.h"
#include "router/app/config_view.h"

namespace router {
namespace {

// One kind of component, in the words of the file and of people.
struct Role {
  std::string_view section;
  std::string_view type;
  std::string_view name;
  std::string_view instead;  // of one of another type in the pipeline
};
constexpr Role kReceivers{"receivers", "otlp", "receiver",
                          "take it out; a collector can take it in and send OTLP here"};
constexpr Role kExporters{"exporters", "loadbalancing", "exporter",
                          "take it out, or put it into the collectors behind spanring"};

std::vector<const YamlEntry*> ComponentsOf(const YamlNode& root, const Role& role) {
  std::vector<const YamlEntry*> found;
  if (const YamlNode* section = FindValue(&root, role.section)) {
    for (const YamlEntry& entry : section->entries) {
      if (ParseComponentId(entry.key).type == role.type) {
        found.push_back(&entry);
      }
    }
  }
  return found;
}

int LineOf(const YamlNode& root, std::string_view section) {
  const YamlEntry* entry = FindEntry(&root, section);
  return entry == nullptr ? 0 : entry->line;
}

// Without a pipeline: the only one there is.
const YamlEntry* ChooseOnly(const YamlNode& root, const Role& role, FaultLog& log) {
  const std::vector<const YamlEntry*> found = ComponentsOf(root, role);
  if (found.size() > 1) {
    log.Refuse(found[1]->line, std::string(role.section) + "." + Shown(found[1]->key),
               "a second " + std::string(role.name),
               "service.pipelines.traces." + std::string(role.section) + " must say which to use");
  }
  return found.size() == 1 ? found.front() : nullptr;
}

// One name in the pipeline: the component it means, or nullptr and a fault.
const YamlEntry* Resolve(const YamlNode& root, const Role& role, const Word& word,
                         const std::string& shown, FaultLog& log) {
  const std::string name = Shown(word.text);
  if (ParseComponentId(word.text).type != role.type) {
    log.Refuse(word.line, shown,
               name + ": only the " + std::string(role.type) + " " + std::string(role.name) +
                   " can be in the pipeline",
               role.instead);
    return nullptr;
  }
  const YamlNode* section = FindValue(&root, role.section);
  const YamlEntry* entry = section == nullptr ? nullptr : section->Find(word.text);
  if (entry == nullptr) {
    log.Refuse(word.line, shown,
               "references " + std::string(role.name) + " \"" + name + "\" which is not configured",
               "define it in " + std::string(role.section));
  }
  return entry;
}

const YamlEntry* ChooseNamed(const YamlNode& root, const Role& role, const YamlEntry& pipeline,
                             const std::string& shown_pipeline, FaultLog& log) {
  const std::string shown = shown_pipeline + "." + std::string(role.section);
  const YamlEntry* chosen = nullptr;
  const std::vector<Word> words = ReadWords(pipeline.value.get(), role.section);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const YamlEntry* entry = Resolve(root, role, words[i], shown, log);
    if (i == 0) {
      chosen = entry;
    } else {
      log.Refuse(words[i].line, shown,
                 "not supported yet: more than one " + std::string(role.name) + " in the pipeline");
    }
  }
  if (words.empty()) {
    const YamlEntry* list = FindEntry(pipeline.value.get(), role.section);
    log.Refuse(list == nullptr ? pipeline.line : list->line, shown,
               "must have at least one " + std::string(role.name));
  }
  return chosen;
}

void CheckProcessors(const YamlNode& root, const YamlEntry& pipeline,
                     const std::string& shown_pipeline, FaultLog& log) {
  const std::string shown = shown_pipeline + ".processors";
  for (const Word& word : ReadWords(pipeline.value.get(), "processors")) {
    const std::string name = Shown(word.text);
    const ConfigKey* key = FindConfigKey("processors." + ParseComponentId(word.text).type);
    if (key == nullptr) {
      log.Refuse(word.line, shown, name + ": spanring runs no processors",
                 "put it into the collectors behind spanring; skipping it would change your data");
    } else if (FindEntry(FindValue(&root, "processors"), word.text) == nullptr) {
      log.Refuse(word.line, shown, "references processor \"" + name + "\" which is not configured",
                 "define it in processors, or take it out here");
    } else {
      log.Warn(word.line, shown, name + " is not run", key->text);
    }
  }
}

const YamlEntry* FindTraces(const YamlEntry& pipelines, FaultLog& log) {
  const YamlEntry* traces = nullptr;
  for (const YamlEntry& entry : pipelines.value->entries) {
    if (ParseComponentId(entry.key).type != "traces") {
      continue;
    }
    if (traces != nullptr) {
      log.Refuse(entry.line, "service.pipelines." + Shown(entry.key),
                 "not supported yet: more than one traces pipeline",
                 "keep one; run a second spanring for the other");
    } else {
      traces = &entry;
    }
  }
  if (traces == nullptr) {
    log.Refuse(pipelines.line, "service.pipelines", "there is no traces pipeline");
  }
  return traces;
}

}  // namespace

Pipeline ChoosePipeline(const YamlNode& root, FaultLog& log) {
  Pipeline chosen;
  if (FindValue(&root, "service.pipelines") != nullptr) {
    if (const YamlEntry* traces = FindTraces(*FindEntry(&root, "service.pipelines"), log)) {
      const std::string shown = "service.pipelines." + Shown(traces->key);
      chosen.receiver = ChooseNamed(root, kReceivers, *traces, shown, log);
      chosen.exporter = ChooseNamed(root, kExporters, *traces, shown, log);
      CheckProcessors(root, *traces, shown, log);
    }
    return chosen;
  }
  chosen.receiver = ChooseOnly(root, kReceivers, log);
  chosen.exporter = ChooseOnly(root, kExporters, log);
  if (ComponentsOf(root, kExporters).empty()) {
    log.Refuse(LineOf(root, "exporters"), "exporters", "there is no loadbalancing exporter",
               "docs/configuration.md starts with the smallest file that works");
  }
  return chosen;
}

}  // namespace router
