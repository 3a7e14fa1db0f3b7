#!/usr/bin/env bash
# The offline agents side by side on sets of the suite's own making: for each environment the sets of
# `strider collect --preset d4rl`, every agent on each of them with several seeds, one report a set with curves, final
# scores, IQM and intervals. Takes days on two cores at the published counts; stopped at any time, the same call goes on
# where it was.
#
# Usage: experiments/studies/offline_agents.sh [FOLDER]        results in FOLDER (offline-agents)
#   STEPS     updates of a run (1000000)
#   SEEDS     runs of an agent on a set (5)
#   PRESET    settings, which every agent named must have (paper; bc-filtered has its own)
#   AGENTS    "bc bc-filtered td3bc prdc a2pr odice iql cql bcq awac rebrac sac-n edac"; bc-filtered is bc --preset filtered
#   ENVS      "Hopper-v5 HalfCheetah-v5 Walker2d-v5"
#   SETS      "medium medium-replay medium-expert expert"
#   ROWS      of each collected set (1000000)
#   POLICIES  folder of experts ENV.hdf5 (Hopper-v5.hdf5, ...), and where one likes of medium policies ENV-medium.hdf5;
#             without it the recipe trains both, for COLLECT_STEPS environment steps (3000000)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly strider=build/strider folder=${1:-offline-agents} steps=${STEPS:-1000000} seeds=${SEEDS:-5} preset=${PRESET:-paper}
readonly rows=${ROWS:-1000000} policies=${POLICIES:-} collect_steps=${COLLECT_STEPS:-3000000}
read -ra agents <<< "${AGENTS:-bc bc-filtered td3bc prdc a2pr odice iql cql bcq awac rebrac sac-n edac}"
read -ra envs <<< "${ENVS:-Hopper-v5 HalfCheetah-v5 Walker2d-v5}"
read -ra sets <<< "${SETS:-medium medium-replay medium-expert expert}"
((${#agents[@]} > 0 && ${#envs[@]} > 0 && ${#sets[@]} > 0)) || { echo "AGENTS, ENVS and SETS: expected at least one each" >&2; exit 2; }

# Makes the sets of an environment, unless all that are asked for are there: other people's may lie in their place.
make_sets() {
  local env=$1 data=$folder/data/$1 set missing=0 given=()
  for set in "${sets[@]}"; do [[ -e $data/$set.hdf5 ]] || missing=1; done
  ((missing)) || return 0
  [[ -z $policies ]] || given=(--expert "$policies/$env.hdf5")
  [[ -z $policies || ! -e $policies/$env-medium.hdf5 ]] || given+=(--medium "$policies/$env-medium.hdf5")
  "$strider" collect --preset d4rl --env "$env" --steps "$rows" --set run.steps="$collect_steps" "${given[@]}" --out "$data"
}

for env in "${envs[@]}"; do
  make_sets "$env"
  for set in "${sets[@]}"; do
    runs=()
    for agent in "${agents[@]}"; do
      settings=$preset
      [[ $agent != bc-filtered ]] || settings=filtered
      "$strider" train "${agent%-filtered}" --dataset "$folder/data/$env/$set.hdf5" --env "$env" --preset "$settings" \
        --steps "$steps" --seeds "$seeds" --threads 1 --out "$folder/$env/$set/$agent" --resume
      runs+=("$folder/$env/$set/$agent")
    done
    "$strider" report "${runs[@]}" --out "$folder/$env/$set/report"
    printf '\n== %s, %s, %s updates, %s seeds, preset %s\n' "$env" "$set" "$steps" "$seeds" "$preset"
    sed -n '/^|/p' "$folder/$env/$set/report/report.md"
  done
done
