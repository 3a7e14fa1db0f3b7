// The writing half of D4RL's files.
#include "core/error.h"
#include "datasets/d4rl.h"

namespace strider {
namespace {

constexpr Hdf5WriteOptions kFlags{.compress = true, .flags = true};

}  // namespace

struct D4rlWriter::Columns {
  Columns(Hdf5File& file, std::size_t observation_size, std::size_t action_size,
          const DatasetWriteOptions& options)
      : observations(Hdf5Appender::Create<float>(file, "observations", {observation_size})),
        actions(Hdf5Appender::Create<float>(file, "actions", {action_size})),
        rewards(Hdf5Appender::Create<float>(file, "rewards", {})),
        terminals(Hdf5Appender::Create<std::uint8_t>(file, "terminals", {}, kFlags)) {
    if (options.timeouts) timeouts = Hdf5Appender::Create<std::uint8_t>(file, "timeouts", {}, kFlags);
    if (options.next_observations) {
      next_observations = Hdf5Appender::Create<float>(file, "next_observations", {observation_size});
    }
    if (options.qpos_size > 0) qpos = Hdf5Appender::Create<double>(file, "infos/qpos", {options.qpos_size});
    if (options.qvel_size > 0) qvel = Hdf5Appender::Create<double>(file, "infos/qvel", {options.qvel_size});
    if (options.action_log_probs) {
      action_log_probs = Hdf5Appender::Create<float>(file, "infos/action_log_probs", {});
    }
  }

  void Append(const Dataset& block) {
    observations.Append<float>(block.observations);
    actions.Append<float>(block.actions);
    rewards.Append<float>(block.rewards);
    terminals.Append<std::uint8_t>(block.terminals);
    if (timeouts) timeouts->Append<std::uint8_t>(block.timeouts);
    if (next_observations) next_observations->Append<float>(block.next_observations);
    if (qpos) qpos->Append<double>(block.qpos);
    if (qvel) qvel->Append<double>(block.qvel);
    if (action_log_probs) action_log_probs->Append<float>(block.action_log_probs);
  }

  void Close() {
    for (Hdf5Appender* column : {&observations, &actions, &rewards, &terminals}) column->Close();
    for (auto* column : {&timeouts, &next_observations, &qpos, &qvel, &action_log_probs}) {
      if (*column) (*column)->Close();
    }
  }

  Hdf5Appender observations;
  Hdf5Appender actions;
  Hdf5Appender rewards;
  Hdf5Appender terminals;
  std::optional<Hdf5Appender> timeouts;
  std::optional<Hdf5Appender> next_observations;
  std::optional<Hdf5Appender> qpos;
  std::optional<Hdf5Appender> qvel;
  std::optional<Hdf5Appender> action_log_probs;
};

D4rlWriter::D4rlWriter(const std::filesystem::path& path, std::size_t observation_size,
                       std::size_t action_size, const DatasetWriteOptions& options)
    : DatasetWriter(observation_size, action_size, options),
      whole_(path),
      columns_(std::make_unique<Columns>(whole_.file(), observation_size, action_size, options)) {}

D4rlWriter::~D4rlWriter() = default;

void D4rlWriter::DoAppend(const Dataset& block) { columns_->Append(block); }

void D4rlWriter::WriteMetadata(std::string_view key, std::string_view text) {
  whole_.file().WriteString(fmt::format("metadata/{}", key), text);
}

void D4rlWriter::WriteMetadata(std::string_view key, std::span<const float> values, const Shape& shape) {
  whole_.file().Write<float>(fmt::format("metadata/{}", key), values, shape, {.compress = true});
}

void D4rlWriter::Finish() {
  columns_->Close();
  columns_.reset();
  whole_.Finish();
}

void WriteD4rl(const std::filesystem::path& path, const Dataset& dataset) {
  WriteDataset(DatasetFormat::kD4rl, path, dataset);
}

}  // namespace strider
