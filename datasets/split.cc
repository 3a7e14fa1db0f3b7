#include "datasets/split.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "datasets/columns.h"
#include "datasets/convert.h"
#include "datasets/d4rl.h"
#include "datasets/minari.h"
#include "datasets/minari_write.h"
#include "datasets/reader_checks.h"
#include "datasets/whole_hdf5.h"

namespace strider {
namespace {

constexpr std::size_t kBlockRows = 10000;

// Which output each episode goes to.
std::vector<std::size_t> Deal(std::size_t episodes, const std::vector<double>& fractions,
                              std::uint64_t seed) {
  std::vector<std::size_t> order(episodes);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Pcg64 random(seed);
  for (std::size_t i = episodes; i > 1; --i) {
    std::swap(order[i - 1],
              order[static_cast<std::size_t>(random.Integers(0, static_cast<std::int64_t>(i)))]);
  }
  std::vector<std::size_t> output(episodes, fractions.size());
  double share = 0;
  std::size_t dealt = 0;
  for (std::size_t k = 0; k < fractions.size(); ++k) {
    share += fractions[k];
    const auto end = static_cast<std::size_t>(std::lround(share * static_cast<double>(episodes)));
    for (; dealt < end; ++dealt) output[order[dealt]] = k;
  }
  return output;
}

void CheckCall(const std::filesystem::path& from, const std::vector<std::filesystem::path>& outs,
               const std::vector<double>& fractions) {
  if (outs.size() < 2) throw InputError("split writes two datasets or more; expected another --out");
  if (fractions.size() + 1 != outs.size()) {
    throw InputError("{} fractions for {} outputs; expected one for each --out but the last",
                     fractions.size(), outs.size());
  }
  double sum = 0;
  for (const double fraction : fractions) {
    if (!(fraction > 0 && fraction < 1))
      throw InputError("fraction {}: expected a number in (0, 1)", fraction);
    sum += fraction;
  }
  if (!(sum < 1)) throw InputError("the fractions add up to {}; expected less than 1", sum);
  for (std::size_t i = 0; i < outs.size(); ++i) {
    RefuseOverwriting(from, outs[i]);
    for (std::size_t j = 0; j < i; ++j) {
      // weakly_canonical leaves a relative path as it is where nothing of it is there.
      const auto whole = [](const auto& path) {
        return std::filesystem::weakly_canonical(std::filesystem::absolute(path));
      };
      if (whole(outs[i]) == whole(outs[j])) {
        throw InputError("{} is to be written twice; expected another --out", outs[i].string());
      }
    }
  }
}

void CheckShares(const std::filesystem::path& from, const std::vector<std::size_t>& output,
                 const std::vector<std::filesystem::path>& outs) {
  for (std::size_t k = 0; k < outs.size(); ++k) {
    if (std::ranges::find(output, k) != output.end()) continue;
    throw InputError("{}: of its {} episodes none is left for {}; expected other fractions", from.string(),
                     output.size(), outs[k].string());
  }
}

void SplitMinari(const std::filesystem::path& folder, const std::vector<std::filesystem::path>& outs,
                 const std::vector<double>& fractions, const SplitOptions& options) {
  const MinariReader reader(folder, {.allow_non_finite = true});
  const MinariInspection& found = reader.inspection();
  const std::vector<std::size_t> output = Deal(found.episodes(), fractions, options.seed);
  CheckShares(folder, output, outs);
  const auto rest = OpenD4rlRest(folder);
  std::deque<MinariFolderWriter> writers;
  for (const auto& out : outs) {
    MinariFolderWriter& writer = writers.emplace_back(out);
    if (!rest) continue;
    for (const char* key : {"metadata", kAbsentColumns}) {
      if (rest->Has(key)) writer.rest().Copy(*rest, key, key);
    }
  }
  for (std::size_t k = 0; k < found.episodes(); ++k) {
    writers[output[k]].CopyEpisode(reader.file(), k, found.length(k));
    if (options.progress) options.progress(found.starts[k + 1]);
  }
  for (MinariFolderWriter& writer : writers) writer.Finish(found.metadata.json);
}

// One output of a D4RL file: all its columns, growing.
struct D4rlPart {
  explicit D4rlPart(const std::filesystem::path& path) : whole(path) {}
  WholeHdf5 whole;
  std::vector<Hdf5Appender> columns;
};

void SplitD4rl(const std::filesystem::path& from, const std::vector<std::filesystem::path>& outs,
               const std::vector<double>& fractions, const SplitOptions& options) {
  const D4rlReader reader(from, {.allow_non_finite = true});
  if (!reader.layout().has_timeouts) {
    throw InputError(
        "{}: timeouts: no such key; needed to tell where episodes end (`dataset convert --max-episode-steps "
        "N` writes them, `dataset split` takes what it wrote)",
        from.string());
  }
  const std::size_t rows = reader.layout().rows;
  const std::vector<Episode> episodes =
      Episodes(reader.Read(0, rows, {false, false, false, false}), {}, /*with_trailing=*/true);
  const std::vector<std::size_t> output = Deal(episodes.size(), fractions, options.seed);
  CheckShares(from, output, outs);

  const Hdf5File file = Hdf5File::Open(from);
  std::vector<Hdf5Rows> columns;
  std::vector<std::string> keys;
  for (const std::string& key : KeysUnder(file, "")) {
    if (key.starts_with("metadata/")) continue;
    if (!IsColumn(file, key, rows)) {
      throw InputError("{}: {}: is no column with a row for each of the {} steps, and cannot be split",
                       from.string(), key, rows);
    }
    columns.emplace_back(file, key);
    keys.push_back(key);
  }
  std::deque<D4rlPart> parts;
  for (const auto& out : outs) {
    D4rlPart& part = parts.emplace_back(out);
    for (std::size_t c = 0; c < keys.size(); ++c) {
      part.columns.push_back(Hdf5Appender::Create(part.whole.file(), keys[c], columns[c].row_shape(),
                                                  columns[c].type(), /*max_chunk_rows=*/0));
    }
    if (!file.Has("metadata")) continue;
    for (const std::string& name : file.Names("metadata")) {
      const std::string key = "metadata/" + name;
      if (name != "minari") part.whole.file().Copy(file, key, key);
    }
  }
  for (std::size_t k = 0; k < episodes.size(); ++k) {
    const std::size_t end = episodes[k].start + episodes[k].length;
    for (std::size_t first = episodes[k].start; first < end; first += kBlockRows) {
      const std::size_t count = std::min(kBlockRows, end - first);
      for (std::size_t c = 0; c < columns.size(); ++c) {
        parts[output[k]].columns[c].AppendBytes(columns[c].Read(first, count));
      }
    }
    if (options.progress) options.progress(end);
  }
  for (D4rlPart& part : parts) {
    for (Hdf5Appender& column : part.columns) column.Close();
  }
  for (D4rlPart& part : parts) part.whole.Finish();
}

}  // namespace

void SplitDataset(const std::filesystem::path& from, const std::vector<std::filesystem::path>& outs,
                  const std::vector<double>& fractions, const SplitOptions& options) {
  CheckCall(from, outs, fractions);
  if (const auto folder = FindMinari(from)) {
    SplitMinari(*folder, outs, fractions, options);
  } else {
    SplitD4rl(from, outs, fractions, options);
  }
}

}  // namespace strider
