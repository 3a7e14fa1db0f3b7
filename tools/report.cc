#include "experiments/report.h"

#include <iostream>

#include "core/error.h"
#include "experiments/run_directory.h"
#include "tools/options.h"

namespace strider::tools {

int Report(const Words& words) {
  CommandLine line;
  line.usage = "strider report DIR... --out DIR";
  line.about =
      "Reads runs (or folders of them) and writes report.md, .csv and .json with mean, IQM and 95 % "
      "bootstrap intervals, and learning curves and final scores as PNG and SVG.";
  line.options.add_options()("runs", po::value<std::vector<std::string>>(),
                             "run directories, or folders of them")("out", po::value<std::string>(),
                                                                    "folder to write into");
  line.positional.add("runs", -1);
  const auto values = Parse(line, words);
  if (!values) return 0;
  const auto names = RequiredWord<std::vector<std::string>>(*values, "runs", "DIR");
  const std::filesystem::path out = Required<std::string>(*values, "out");
  if (IsRun(out)) throw InputError("--out {} is a run; expected a folder of the report's own", out.string());
  WriteReport({names.begin(), names.end()}, out);
  std::cerr << "wrote " << (out / "report.md").string() << '\n';
  return 0;
}

}  // namespace strider::tools
