"""How fast a run learnt, for the *_speed.py scripts."""
import csv


def update_rate(run):
    """Updates a second of a run's folder, between the first and the last row of its progress.csv: start-up does not count."""
    with open(run / "progress.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    first, last = rows[0], rows[-1]
    return (int(last["updates"]) - int(first["updates"])) / (float(last["seconds"]) - float(first["seconds"]))
