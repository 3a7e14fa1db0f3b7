// The subcommands of `strider`, one file each. Each takes the words after its name and returns the exit code;
// wrong calls are InputErrors.
#pragma once

#include <string>
#include <vector>

namespace strider::tools {

using Words = std::vector<std::string>;

int Bench(const Words& words);
int Collect(const Words& words);
int DatasetCommand(const Words& words);
int Evaluate(const Words& words);
int List(const Words& words);
int Metrics(const Words& words);
int Plan(const Words& words);
int Render(const Words& words);
int Report(const Words& words);
int Rollout(const Words& words);
int Sweep(const Words& words);
int Train(const Words& words);

}  // namespace strider::tools
