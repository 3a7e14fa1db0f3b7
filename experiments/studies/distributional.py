#!/usr/bin/env python3
"""A small study of plans and agents for the whole distribution of returns, against exact optima.

    experiments/studies/distributional.py runs/distributional [--seed 0]

Trains D-eta-N (and QR-DQN, and D-eta-N blind to its stock) on ThreeState-v0, GridR-v0 and GridG-v0 with the preset
`fast`, evaluates each run, plans the same exactly, and writes to the folder: study.json, tables (study.md), and two
pictures, grid-r-cvar.svg (CVaR over tau) and grid-g-targets.svg (returns aimed for). Stopped, the same command goes on.
Needs build/strider and gnuplot; some minutes on two cores.
"""
import argparse
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STRIDER = ROOT / "build" / "strider"
EPISODES = 4000
TAUS = [0.25, 0.5, 0.75, 0.9, 1.0]
TARGETS = range(-6, 7)


def strider(*words):
    return subprocess.run([STRIDER, *map(str, words)], check=True, stdout=subprocess.PIPE, text=True).stdout


def plan(mdp, objective):
    return json.loads(strider("plan", mdp, "--objective", objective, "--json", "--quiet"))


def cvar(law, tau):
    left, total = tau, 0.0
    for atom, probability in sorted(zip(law["atoms"], law["probabilities"])):
        taken = min(left, probability)
        total, left = total + taken * atom, left - taken
    return total / tau


class Study:
    def __init__(self, folder, seed):
        self.folder, self.seed = folder, seed

    def train(self, name, agent, env, *settings):
        run = self.folder / "runs" / name
        words = [word for setting in settings for word in ("--set", setting)]
        preset = ["--preset", "fast"] if agent == "deta-n" else []
        strider("train", agent, "--env", env, "--out", run, "--seed", self.seed, "--threads", 1, "--resume", "--quiet",
                *preset, *words)
        return run

    def returns(self, run, *words):
        """Evaluates a run; its JSON."""
        return json.loads(strider("evaluate", run, "--episodes", EPISODES, "--seed", 1000, "--json", "--quiet", *words))

    def three_states(self):
        """CVaR at one half among the three states, discount one half: with the stock, without, and QR-DQN."""
        blind = "agent.use_stock=false"
        rows = {"optimum": plan("three-state", "cvar:0.5")["value"]}
        for name, settings in {"deta-n": [], "deta-n without its stock": [blind]}.items():
            run = self.train("three-" + ("blind" if settings else "stock"), "deta-n", "ThreeState-v0",
                             "agent.objective=cvar:0.5", *settings)
            rows[name] = self.returns(run)["objective"]["value"]
        return rows

    def grid_r(self):
        """CVaR over tau: optimum, the mean-optimal policy's, and learned agents'."""
        fine = [tau / 100 for tau in range(5, 101)]
        plans = {tau: plan("grid-r", f"cvar:{tau}") for tau in sorted({*fine, *TAUS})}
        mean_law = plans[1.0]["mean_optimal"]["distribution"]
        rows = []
        for tau in TAUS:
            run = self.train(f"grid-r-{tau}", "deta-n", "GridR-v0", f"agent.objective=cvar:{tau}")
            objective = self.returns(run)["objective"]
            rows.append({"tau": tau, "optimum": plans[tau]["value"], "learned": objective["value"],
                         "initial_stock": objective["initial_stock"], "mean_optimal": cvar(mean_law, tau)})
        qr_dqn = self.returns(self.train("grid-r-qr-dqn", "qr-dqn", "GridR-v0", "run.steps=20000", "agent.discount=1",
                                         "agent.hidden=128,128", "agent.lr=1e-3", "agent.batch_size=64",
                                         "agent.update_interval=1", "agent.learning_starts=1000", "agent.time=true"))
        law = {"atoms": qr_dqn["returns"], "probabilities": [1 / EPISODES] * EPISODES}
        for row in rows:
            row["qr_dqn"] = cvar(law, row["tau"])
        switch = next(tau for tau in fine if plans[tau]["mean"] > 4.001)
        curve = [(tau, plans[tau]["value"], cvar(mean_law, tau)) for tau in fine]
        return {"rows": rows, "curve": curve, "switch_before": switch}

    def grid_g(self):
        """Returns aimed for: the optimum for each, and one agent that starts from any stock."""
        run = self.train("grid-g", "deta-n", "GridG-v0", "agent.objective=target:0")
        rows = []
        for target in TARGETS:
            best = plan("grid-g", f"target:{target}")
            returns = self.returns(run, "--initial-stock", -target)["returns"]
            rows.append({"target": target, "optimum": best["value"],
                         "learned": -sum(abs(x - target) for x in returns) / len(returns),
                         "mean_return": sum(returns) / len(returns)})
        return rows


def draw(file, commands):
    style = ("set terminal svg size 800,420 font 'sans,13' background '#ffffff'\n"
             f"set output '{file}'\nset border 3\nset tics nomirror\nset key bottom right\nset grid lc '#dddddd'\n")
    subprocess.run(["gnuplot"], input=style + commands, check=True, text=True)


def block(name, rows):
    return f"${name} << END\n" + "".join(" ".join(map(str, row)) + "\n" for row in rows) + "END\n"


def draw_grid_r(study, file):
    rows = study["rows"]
    draw(file, block("curve", study["curve"]) + block("agent", [(r["tau"], r["learned"]) for r in rows])
         + block("qr", [(r["tau"], r["qr_dqn"]) for r in rows]) + """
set title 'Grid-R: mean of the worst share tau of returns'
set xlabel 'tau'; set ylabel 'CVaR'; set xrange [0:1.02]; set yrange [-7:5.5]
set arrow from 0.782, graph 0 to 0.782, graph 1 nohead dt 3 lc '#888888'
set label 'the bridge pays from 0.782' at 0.772, -6 right tc '#555555'
plot $curve using 1:2 with lines lw 3 lc '#0072B2' title 'exact optimum', \\
     $curve using 1:3 with lines lw 2 dt 2 lc '#D55E00' title 'exact, best for the mean', \\
     $agent with points pt 7 ps 1.1 lc '#0072B2' title 'D-eta-N', \\
     $qr with points pt 4 ps 1.1 lc '#D55E00' title 'QR-DQN'
""")


def draw_grid_g(rows, file):
    draw(file, block("rows", [(r["target"], r["target"] + r["optimum"], r["mean_return"]) for r in rows]) + """
set title 'Grid-G: returns of one agent, started from minus the return it is to produce'
set xlabel 'return aimed for'; set ylabel 'mean return'; set xrange [-6.5:6.5]; set yrange [-6.5:6.5]
plot x with lines dt 2 lc '#888888' title 'as asked', \\
     $rows using 1:3 with points pt 7 ps 1.1 lc '#0072B2' title 'D-eta-N'
""")


def tables(study):
    three = study["three_states"]
    lines = ["| ThreeState-v0, CVaR 0.5 | value |", "|---|---:|"]
    lines += [f"| {name} | {value:.3f} |" for name, value in three.items()]
    lines += ["", "| GridR-v0, tau | optimum | D-eta-N | initial stock | QR-DQN |", "|---:|---:|---:|---:|---:|"]
    lines += [f"| {r['tau']} | {r['optimum']:.3f} | {r['learned']:.3f} | {r['initial_stock']:.2f} | {r['qr_dqn']:.3f} |"
              for r in study["grid_r"]["rows"]]
    lines += ["", "| GridG-v0, target | optimum | D-eta-N |", "|---:|---:|---:|"]
    lines += [f"| {r['target']} | {r['optimum']:.3f} | {r['learned']:.3f} |" for r in study["grid_g"]]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    study = Study(arguments.folder, arguments.seed)
    results = {"three_states": study.three_states(), "grid_r": study.grid_r(), "grid_g": study.grid_g()}
    (arguments.folder / "study.json").write_text(json.dumps(results, indent=1) + "\n")
    (arguments.folder / "study.md").write_text(tables(results))
    draw_grid_r(results["grid_r"], arguments.folder / "grid-r-cvar.svg")
    draw_grid_g(results["grid_g"], arguments.folder / "grid-g-targets.svg")
    print(tables(results))


if __name__ == "__main__":
    main()
