// What `strider report` writes: learning curves, final scores and tables of finished runs.
#pragma once

#include <filesystem>
#include <vector>

namespace strider {

// Reads the runs in `runs` (run directories, or folders of them: see FindRuns) and puts those of the same
// agent, task (environment or dataset), preset and settings together as seeds of one another. Writes into
// `out`, which is made if need be:
//
//   report.md     the tables, with the pictures in place
//   report.csv    the tables: one line for each agent, task and measure
//   report.json   the tables and the curves
//   TASK-curves.png, .svg    learning curves: mean and 95 % bootstrap interval, a line an agent; not drawn
//                            where no agent was evaluated twice
//   TASK-scores.png, .svg    final scores: mean, 95 % bootstrap interval and what they are taken over
//   data/*.gp                the gnuplot scripts of the pictures, with their data
//
// The measures are `last` (evaluation.json where `strider evaluate` left one, else the last evaluation in
// training), `last-10` (mean of the last ten evaluations, or of all where there are fewer) and `best` (the
// evaluation with the highest mean, which flatters). Statistics are taken over the seeds' means; a single
// seed's over its episodes.
//
// Throws InputError where a run cannot be read, no run is given, or two of one group have the same seed;
// WorkError where a file cannot be written or gnuplot is missing.
void WriteReport(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& out);

}  // namespace strider
