// The writing half of D4RL's files.
#include <unistd.h>

#include <stdexcept>
#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "datasets/d4rl.h"

namespace strider {
namespace {

constexpr Hdf5WriteOptions kFlags{.compress = true, .flags = true};

template <class T>
void AppendColumn(Hdf5Appender& column, const std::vector<T>& values, std::size_t expected) {
  if (values.size() != expected) {
    throw std::logic_error(
        fmt::format("a block's column holds {} values, expected {}", values.size(), expected));
  }
  column.Append<T>(values);
}

}  // namespace

struct D4rlWriter::Columns {
  Columns(Hdf5File& file, std::size_t observation_size, std::size_t action_size,
          const D4rlWriteOptions& options)
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
    AppendColumn(observations, block.observations, block.rows * block.observation_size);
    AppendColumn(actions, block.actions, block.rows * block.action_size);
    AppendColumn(rewards, block.rewards, block.rows);
    AppendColumn(terminals, block.terminals, block.rows);
    if (timeouts) AppendColumn(*timeouts, block.timeouts, block.rows);
    if (next_observations) {
      AppendColumn(*next_observations, block.next_observations, block.rows * block.observation_size);
    }
    if (qpos) AppendColumn(*qpos, block.qpos, block.rows * block.qpos_size);
    if (qvel) AppendColumn(*qvel, block.qvel, block.rows * block.qvel_size);
    if (action_log_probs) AppendColumn(*action_log_probs, block.action_log_probs, block.rows);
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
                       std::size_t action_size, const D4rlWriteOptions& options)
    : path_(path),
      part_(path),
      observation_size_(observation_size),
      action_size_(action_size),
      options_(options) {
  part_ += fmt::format(".{}.part", ::getpid());
  try {
    file_ = Hdf5File::Create(part_);
    columns_ = std::make_unique<Columns>(*file_, observation_size, action_size, options);
  } catch (...) {
    Discard();
    throw;
  }
}

D4rlWriter::~D4rlWriter() { Discard(); }

void D4rlWriter::Discard() noexcept {
  columns_.reset();
  file_.reset();
  std::error_code ignored;
  std::filesystem::remove(part_, ignored);
}

void D4rlWriter::Append(const Dataset& block) {
  if (block.observation_size != observation_size_ || block.action_size != action_size_ ||
      (options_.qpos_size > 0 && block.qpos_size != options_.qpos_size) ||
      (options_.qvel_size > 0 && block.qvel_size != options_.qvel_size)) {
    throw std::logic_error("a block's sizes differ from the writer's");
  }
  columns_->Append(block);
  rows_ += block.rows;
}

void D4rlWriter::WriteMetadata(std::string_view key, std::string_view text) {
  file_->WriteString(fmt::format("metadata/{}", key), text);
}

void D4rlWriter::WriteMetadata(std::string_view key, std::span<const float> values, const Shape& shape) {
  file_->Write<float>(fmt::format("metadata/{}", key), values, shape, {.compress = true});
}

void D4rlWriter::Finish() {
  columns_->Close();
  columns_.reset();
  file_->Close();
  file_.reset();
  WriteWhole(path_,
             [this](const std::filesystem::path& temporary) { std::filesystem::rename(part_, temporary); });
}

void WriteD4rl(const std::filesystem::path& path, const Dataset& dataset) {
  D4rlWriter writer(path, dataset.observation_size, dataset.action_size,
                    {.timeouts = !dataset.timeouts.empty(),
                     .next_observations = !dataset.next_observations.empty(),
                     .action_log_probs = !dataset.action_log_probs.empty(),
                     .qpos_size = dataset.qpos_size,
                     .qvel_size = dataset.qvel_size});
  writer.Append(dataset);
  for (const auto& [key, text] : dataset.metadata) writer.WriteMetadata(key, text);
  writer.Finish();
}

}  // namespace strider
