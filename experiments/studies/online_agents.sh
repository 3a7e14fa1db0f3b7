#!/usr/bin/env bash
# The online agents side by side: each of them on Hopper, HalfCheetah, Walker2d and Ant, several seeds, one report an
# environment with curves, final scores, IQM and intervals. Takes days on two cores at the published counts; stopped at
# any time, the same call goes on where it was.
#
# Usage: experiments/studies/online_agents.sh [FOLDER]         results in FOLDER (online-agents)
#   STEPS    environment steps of a run (1000000)
#   SEEDS    runs of an agent in an environment (5)
#   PRESET   settings (paper; fast ends within minutes)
#   AGENTS   "mdpo-on mdpo-off pmoe-sac pmoe-ppo ppo trpo sac td3"
#   ENVS     "Hopper-v5 HalfCheetah-v5 Walker2d-v5 Ant-v5"
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly strider=build/strider folder=${1:-online-agents} steps=${STEPS:-1000000} seeds=${SEEDS:-5} preset=${PRESET:-paper}
read -ra agents <<< "${AGENTS:-mdpo-on mdpo-off pmoe-sac pmoe-ppo ppo trpo sac td3}"
read -ra envs <<< "${ENVS:-Hopper-v5 HalfCheetah-v5 Walker2d-v5 Ant-v5}"
((${#agents[@]} > 0 && ${#envs[@]} > 0)) || { echo "AGENTS and ENVS: expected at least one each" >&2; exit 2; }

for env in "${envs[@]}"; do
  runs=()
  for agent in "${agents[@]}"; do
    "$strider" train "$agent" --env "$env" --preset "$preset" --steps "$steps" --seeds "$seeds" --threads 1 \
      --out "$folder/$env/$agent" --resume
    runs+=("$folder/$env/$agent")
  done
  "$strider" report "${runs[@]}" --out "$folder/$env/report"
  printf '\n== %s, %s steps, %s seeds, preset %s\n' "$env" "$steps" "$seeds" "$preset"
  sed -n '/^|/p' "$folder/$env/report/report.md"
done
