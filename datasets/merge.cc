#include "datasets/merge.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "core/error.h"
#include "datasets/convert.h"
#include "datasets/minari.h"
#include "datasets/minari_write.h"
#include "datasets/reader.h"

namespace strider {
namespace {

constexpr std::size_t kBlockRows = 100000;

using Readers = std::vector<std::unique_ptr<DatasetReader>>;
using Texts = std::map<std::string, std::string>;

std::string NameOf(const std::filesystem::path& path) {
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

// The columns that all datasets have.
DatasetWriteOptions CommonColumns(const Readers& readers) {
  DatasetWriteOptions common;
  const auto all = [&](const auto& has) {
    return std::ranges::all_of(readers, [&](const auto& reader) { return has(reader->layout()); });
  };
  const DatasetLayout& first = readers.front()->layout();
  common.next_observations = all([](const DatasetLayout& layout) { return layout.has_next_observations; });
  common.action_log_probs = all([](const DatasetLayout& layout) { return layout.has_action_log_probs; });
  if (all([&](const DatasetLayout& layout) {
        return layout.qpos_size == first.qpos_size && layout.qvel_size == first.qvel_size;
      })) {
    common.qpos_size = first.qpos_size;
    common.qvel_size = first.qvel_size;
  }
  return common;
}

// The rows up to the last end of an episode.
std::size_t CompleteRows(const DatasetReader& reader) {
  const Dataset flags = reader.Read(0, reader.layout().rows, {false, false, false, false});
  for (std::size_t row = flags.rows; row > 0; --row) {
    if (flags.terminals[row - 1] != 0 || flags.timeouts[row - 1] != 0) return row;
  }
  throw InputError("{}: no episode ends in it; expected at least one complete episode",
                   reader.path().string());
}

void CheckSizes(const std::filesystem::path& file, const DatasetLayout& layout,
                const std::filesystem::path& first_file, const DatasetLayout& first) {
  if (layout.observation_size != first.observation_size || layout.action_size != first.action_size) {
    throw InputError("{}: observations are {} wide and actions {}; expected {} and {} as in {}",
                     file.string(), layout.observation_size, layout.action_size, first.observation_size,
                     first.action_size, first_file.string());
  }
  if (layout.has_timeouts) return;
  throw InputError(
      "{}: timeouts: no such key; needed to tell where episodes end (`dataset convert --max-episode-steps N` "
      "writes them)",
      file.string());
}

// "frame_skip = 2, reset_noise_scale = 0.1"
std::string OptionsText(const std::vector<std::pair<std::string, std::string>>& options) {
  if (options.empty()) return "the environment's usual options";
  std::string text;
  for (const auto& [name, value] : options) {
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, value);
  }
  return text;
}

// What the datasets that say anything about `key` agree on; nothing where none does. InputError where they
// differ by `same(a, b)`.
template <class Same>
std::optional<std::string> CommonText(const std::vector<std::filesystem::path>& files,
                                      const std::vector<Texts>& texts, const std::string& key,
                                      const Same& same) {
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!texts[i].contains(key)) continue;
    if (!first) first = i;
    if (same(texts[i].at(key), texts[*first].at(key))) continue;
    throw InputError("{}: metadata/{} is {}; expected {} as in {}", files[i].string(), key, texts[i].at(key),
                     texts[*first].at(key), files[*first].string());
  }
  if (!first) return std::nullopt;
  return texts[*first].at(key);
}

// The constructor options under which files were recorded, which must be the same in all that name their
// environment. InputError where they are not.
Texts CommonOptions(const std::vector<std::filesystem::path>& files, const std::vector<Texts>& texts,
                    const MergeOptions& merge, bool same_world) {
  // Where a world's map lies, and how well it was checked: the world is the same by its numbers.
  constexpr std::array<std::string_view, 2> kOfTheWorld = {"map", "check"};
  const auto options_of = [&](const Texts& own) {
    auto options = EnvOptionsIn(own);
    std::erase_if(options, [&](const auto& option) {
      return merge.is_default && merge.is_default(own.at("env_id"), option.first, option.second);
    });
    return options;
  };
  const auto rules_of = [&](const Texts& own) {
    auto options = options_of(own);
    std::erase_if(options, [&](const auto& option) {
      return same_world && std::ranges::find(kOfTheWorld, option.first) != kOfTheWorld.end();
    });
    return options;
  };
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!texts[i].contains("env_id")) continue;
    if (!first) first = i;
    const auto expected = rules_of(texts[*first]);
    if (const auto options = rules_of(texts[i]); options != expected) {
      throw InputError("{}: was recorded with {}; expected {} as {}", files[i].string(), OptionsText(options),
                       OptionsText(expected), files[*first].string());
    }
  }
  Texts common;
  if (!first) return common;
  for (const auto& [name, value] : options_of(texts[*first])) {
    common[std::string(kEnvOptionPrefix) + name] = value;
  }
  return common;
}

// The environment, which of its worlds, its options, and its bounds of actions, which must be the same
// everywhere.
Texts CommonTexts(const std::vector<std::filesystem::path>& files, const std::vector<Texts>& texts,
                  const MergeOptions& merge) {
  const auto same_space = [](const std::string& a, const std::string& b) {
    const GymSpace first = ParseSpace(a, "action_space");
    const GymSpace second = ParseSpace(b, "action_space");
    return first.kind == second.kind && first.low == second.low && first.high == second.high;
  };
  Texts common;
  const std::string instance(kInstanceKey);
  auto world = CommonText(files, texts, instance, std::equal_to<>());
  // Where one file says nothing of it, nobody knows that all are of the same.
  const bool all_say = std::ranges::all_of(texts, [&](const Texts& own) { return own.contains(instance); });
  if (world && all_say) common[instance] = *std::move(world);
  if (auto text = CommonText(files, texts, "env_id", std::equal_to<>())) common["env_id"] = *std::move(text);
  if (auto text = CommonText(files, texts, "action_space", same_space)) {
    common["action_space"] = *std::move(text);
  }
  common.merge(CommonOptions(files, texts, merge, /*same_world=*/common.contains(instance)));
  return common;
}

void MergeRows(const Readers& readers, const std::string& names, const Texts& common,
               const MergeOptions& options, const std::filesystem::path& out,
               const std::function<void(std::size_t)>& progress) {
  const DatasetLayout& first = readers.front()->layout();
  const auto writer =
      CreateDataset(options.format, out, first.observation_size, first.action_size, CommonColumns(readers));
  writer->WriteMetadata("merged_from", names);
  for (const auto& [key, text] : common) writer->WriteMetadata(key, text);
  for (const auto& reader : readers) {
    const std::size_t rows = options.complete_episodes_only ? CompleteRows(*reader) : reader->layout().rows;
    for (std::size_t start = 0; start < rows; start += kBlockRows) {
      Dataset block = reader->Read(start, std::min(kBlockRows, rows - start));
      const bool ends_file = start + block.rows == rows;
      const bool is_cut = ends_file && !options.complete_episodes_only && reader != readers.back();
      if (is_cut && block.terminals.back() == 0) block.timeouts.back() = 1;
      writer->Append(block);
      if (progress) progress(writer->rows());
    }
  }
  writer->Finish();
}

void MergeEpisodes(const std::vector<const MinariReader*>& readers, const Texts& common,
                   const std::filesystem::path& out, const std::function<void(std::size_t)>& progress) {
  MinariFolderWriter writer(out);
  nlohmann::ordered_json ids = nlohmann::ordered_json::array();
  std::size_t rows = 0;
  for (const MinariReader* reader : readers) {
    const MinariInspection& found = reader->inspection();
    if (found.metadata.json.contains("dataset_id")) ids.push_back(found.metadata.json.at("dataset_id"));
    for (std::size_t k = 0; k < found.episodes(); ++k) {
      writer.CopyEpisode(reader->file(), k, found.length(k));
      if (progress) progress(rows += found.length(k));
    }
  }
  // What Minari's own metadata have no place for.
  for (const auto& [key, text] : common) {
    if (!key.starts_with(kEnvOptionPrefix) && key != kInstanceKey) continue;
    writer.rest().WriteString(fmt::format("metadata/{}", key), text);
  }
  // As Minari's own combination of datasets notes it.
  nlohmann::ordered_json metadata = readers.front()->inspection().metadata.json;
  metadata["combined_datasets"] = ids;
  metadata.erase("dataset_id");
  writer.Finish(metadata);
}

}  // namespace

void MergeDatasets(const std::vector<std::filesystem::path>& files, const std::filesystem::path& out,
                   const MergeOptions& options, const std::function<void(std::size_t rows)>& progress) {
  Readers readers;
  std::vector<const MinariReader*> minari;
  std::vector<Texts> texts;
  std::string names;
  for (const std::filesystem::path& file : files) {
    readers.push_back(OpenDataset(file));
    CheckSizes(file, readers.back()->layout(), files.front(), readers.front()->layout());
    RefuseOverwriting(file, out);
    if (const auto* one = dynamic_cast<const MinariReader*>(readers.back().get())) minari.push_back(one);
    texts.push_back(readers.back()->Metadata());
    names += (names.empty() ? "" : ", ") + NameOf(file);
  }
  const Texts common = CommonTexts(files, texts, options);
  if (options.format == DatasetFormat::kMinari && minari.size() == files.size()) {
    MergeEpisodes(minari, common, out, progress);
  } else {
    MergeRows(readers, names, common, options, out, progress);
  }
}

}  // namespace strider
