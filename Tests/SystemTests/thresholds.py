"""bench/thresholds.json: of each figure what was measured, and the limit that it must not exceed."""

import decimal
import json
import math

from programs import ROOT

PATH = ROOT / "bench" / "thresholds.json"
#: A new limit lies this far over what was measured: more than counts differ by, less than may be wasted unseen.
MARGIN = decimal.Decimal("1.04")
#: No limit of a steady count lies further over what is counted now: one that does was set for a dearer program.
MARGIN_MAX = decimal.Decimal("1.06")
DIGITS = 4
#: The goals. No limit lies above them, whatever was measured.
GOALS = {
    "heartbeat: instructions": 80_000,
    "question: instructions": 150_000,
    "program: bytes": 13_500_000,
}


def load(path=PATH):
    return json.loads(path.read_text())


def limit(measured):
    """The margin over it, with a few digits, rounded down."""
    exact = decimal.Decimal(str(measured)) * MARGIN
    step = decimal.Decimal(1).scaleb(exact.adjusted() - DIGITS + 1)
    rounded = (exact // step) * step
    return int(rounded) if rounded == int(rounded) else float(rounded)


def made_from(figures):
    return {name: {"measured": measured, "limit": min(limit(measured), GOALS.get(name, math.inf))}
            for name, measured in figures.items()}


def generous(figures, thresholds):
    """The names of limits further above what was counted than they may be."""
    return [name for name, known in thresholds.items() if name in figures
            and decimal.Decimal(str(known["limit"])) > decimal.Decimal(str(figures[name])) * MARGIN_MAX]


def save(figures, path=PATH):
    """One line a figure, so that a change of one is a change of one line."""
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in made_from(figures).items()]
    new = path.with_suffix(".new")
    new.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    new.replace(path)


def exceeded(figures, thresholds):
    """A line for each figure that is above its limit or has none, and for each limit without a figure."""
    lines = [f"{name}: there is no limit for it" for name in figures if name not in thresholds]
    lines += [f"{name}: was not measured" for name in thresholds if name not in figures]
    lines += [f"{name}: {figures[name]:,} is more than {known['limit']:,}; {known['measured']:,} was measured before"
              for name, known in thresholds.items() if name in figures and figures[name] > known["limit"]]
    return lines
