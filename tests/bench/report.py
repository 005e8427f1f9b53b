"""A benchmark's figures: an aligned table to read, one JSON line to keep."""

import json


class Report:
    """Rows in order; a row with a target says whether it was met."""

    def __init__(self, name, conditions):
        self.name = name
        self.conditions = conditions
        self.rows = []
        self.usages = {}

    def add(self, key, value, unit, at_least=None, at_most=None):
        """key: words with a dot or slash for what belongs together; it names the figure in the JSON.

        value: a number, or a text without a target.
        """
        target, met = "", None
        if at_least is not None:
            target, met = f">= {_number(at_least)}", value >= at_least
        elif at_most is not None:
            target, met = f"<= {_number(at_most)}", value <= at_most
        self.rows.append((key, value, unit, target, met))

    def add_usage(self, name, usage):
        """What machine.Usage.stop returned: who used the cores meanwhile."""
        self.usages[name] = usage

    def print(self):
        table = [(key, _number(value), unit, target,
                  "" if met is None else "met" if met else "MISSED")
                 for key, value, unit, target, met in self.rows]
        widths = [max(len(row[column]) for row in table) for column in range(4)]
        print(f"\n{self.name}: " + ", ".join(f"{key} {value}"
                                             for key, value in self.conditions.items()))
        for key, value, unit, target, verdict in table:
            print(f"  {key:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  "
                  f"{target:<{widths[3]}}  {verdict}".rstrip())
        print("  CPU seconds; `others` do not belong to the benchmark")
        for name, usage in self.usages.items():
            print(f"    {name}: " + ", ".join(f"{who} {seconds:.2f}" for who, seconds
                                              in usage.items()))
        print(json.dumps({
            "bench": self.name,
            "conditions": self.conditions,
            "figures": {key: {"value": value, "unit": unit,
                              **({"target": target, "met": bool(met)} if target else {})}
                        for key, value, unit, target, met in self.rows},
            "cpu_seconds": self.usages}), flush=True)


def _number(value):
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}"


def percentile(ordered, share):
    """The smallest value that `share` of all values do not exceed."""
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 100) - 1))]
