#!/usr/bin/env bash
# The whole story on Hopper-v5: MDPO learns to hop, its steps become datasets, two numbers say how good they are, offline
# agents learn from the mixed one, all are evaluated, and a report is drawn.
#
# Usage: experiments/demo.sh [FOLDER [SEED]]       results in FOLDER (demo), every random stream from SEED (0)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly strider=build/strider folder=${1:-demo} seed=${2:-0} env=Hopper-v5
readonly data_rows=50000 episodes=20

say() { printf '\n%s\n' "== $*"; }

if [[ -e $folder/report/report.md ]]; then
  say "$folder holds a finished demo; its report once more (remove the folder to start over)"
else
  say "MDPO learns $env"
  "$strider" train mdpo-on --env $env --preset fast --seed "$seed" --out "$folder/mdpo-on" --resume

  say "Datasets: $data_rows random steps, $data_rows steps of the learnt policy (medium), and both (mixed)"
  "$strider" collect --policy random --env $env --steps $data_rows --seed "$seed" --out "$folder/random.hdf5"
  "$strider" collect --policy "$folder/mdpo-on" --env $env --steps $data_rows --seed "$seed" --out "$folder/medium.hdf5"
  "$strider" dataset merge "$folder/random.hdf5" "$folder/medium.hdf5" --out "$folder/mixed.hdf5"

  say "Offline agents learn from the mixed dataset"
  for agent in bc td3bc prdc; do
    "$strider" train $agent --dataset "$folder/mixed.hdf5" --env $env --preset fast --seed "$seed" \
      --out "$folder/$agent" --resume
  done

  say "Evaluation over $episodes episodes each"
  for agent in mdpo-on bc td3bc prdc; do
    "$strider" evaluate "$folder/$agent" --episodes $episodes --seed 1000
  done
  "$strider" report "$folder"/{mdpo-on,bc,td3bc,prdc} --out "$folder/report"
fi

say "How explorative (SACo, against the mixed dataset) and how exploitative (TQ) the datasets are"
"$strider" metrics "$folder"/{random,medium,mixed}.hdf5 --reference "$folder/mixed.hdf5" --env $env

say "Final scores"
sed -n '/^|/p' "$folder/report/report.md"
say "Report: $folder/report/report.md, pictures beside it"
