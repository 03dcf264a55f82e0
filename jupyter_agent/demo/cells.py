"""The source of every cell the demo writes, given what it found out about the table.

Each cell begins with a title of its own, by which it is known again after a restart or a second
prompt, however the rest of it was edited.
"""

from __future__ import annotations

from collections.abc import Sequence

LOOK = "# First look at the table"
MASS = "# Body mass by species"
WORDS = "# Which values are not numbers?"
REPAIR = "# Read the measurements as numbers"
MISSING = "# What is missing?"
BILLS = "# Bill length against bill depth"
PLOT = "# Plot: body mass, and the shape of the bill"
FINDINGS = "## What the table says"

TITLES = (LOOK, MASS, WORDS, REPAIR, MISSING, BILLS, PLOT, FINDINGS)

# Without these columns the demo's questions cannot be answered.
NEEDED_COLUMNS = ("species", "bill_length_mm", "bill_depth_mm", "body_mass_g")


def load(path: str, frame: str) -> str:
    """Read the table."""
    return f"import pandas as pd\n\n{frame} = pd.read_csv({path!r})"


def look(frame: str) -> str:
    """Print its size and the number of rows of each species."""
    return f"""{LOOK}
print(len({frame}), "rows,", len({frame}.columns), "columns")
print({frame}["species"].value_counts().to_string())"""


def mass(frame: str) -> str:
    """Average body mass by species; fails when the column is text."""
    return f"""{MASS}
mass = {frame}.groupby("species")["body_mass_g"].agg(["count", "mean", "std"])
print(mass.sort_values("mean", ascending=False).round(1).to_string())"""


def words(frame: str) -> str:
    """Find columns that are mostly numbers, and print what else stands in them."""
    return f"""{WORDS}
for column in {frame}.columns[{frame}.dtypes.map(pd.api.types.is_string_dtype)]:
    numbers = pd.to_numeric({frame}[column], errors="coerce")
    others = {frame}.loc[numbers.isna() & {frame}[column].notna(), column]
    if len(others) and numbers.notna().mean() > 0.5:
        print(f"{{column}}: {{len(others)}} of {{len({frame})}} are", sorted(others.unique()))"""


def repair(frame: str, columns: Sequence[str], found: Sequence[str]) -> str:
    """Turn the words found into missing values; any other word would still be an error."""
    return f"""{REPAIR}
measured = {list(columns)!r}
notes = {list(found)!r}
{frame}[measured] = {frame}[measured].mask({frame}[measured].isin(notes)).apply(pd.to_numeric)
print({frame}[measured].dtypes.to_string())"""


def missing(frame: str) -> str:
    """Count the missing values of each column."""
    return f"""{MISSING}
missing = {frame}.isna().sum()
print(missing[missing > 0].to_string() if missing.any() else "No value is missing.")"""


def bills(frame: str) -> str:
    """Correlate bill length and depth within each species, and of all together."""
    return f"""{BILLS}
bills = {frame}[["species", "bill_length_mm", "bill_depth_mm"]].dropna()
groups = {{**dict(list(bills.groupby("species"))), "all together": bills}}
for name, group in groups.items():
    r = group["bill_length_mm"].corr(group["bill_depth_mm"])
    print(f"{{name}}: r = {{r:+.2f}}, n = {{len(group)}}")"""


def plot(frame: str) -> str:
    """Draw the distribution of body mass, and bill depth over length with trend lines."""
    return f"""{PLOT}
import matplotlib.pyplot as plt
import numpy as np


def trend(ax, group, **style):
    x, y = group["bill_length_mm"], group["bill_depth_mm"]
    ends = np.array([x.min(), x.max()])
    ax.plot(ends, np.polyval(np.polyfit(x, y, 1), ends), **style)


figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
bins = np.histogram_bin_edges({frame}["body_mass_g"].dropna(), bins=20)
for position, (species, group) in enumerate(bills.groupby("species")):
    color = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"][position % 6]
    weights = {frame}.loc[{frame}["species"] == species, "body_mass_g"].dropna()
    left.hist(weights, bins=bins, alpha=0.6, color=color, label=species)
    right.scatter(
        group["bill_length_mm"], group["bill_depth_mm"],
        s=16, alpha=0.6, color=color, marker="os^Dv*"[position % 6], label=species,
    )
    trend(right, group, color=color, linewidth=2)
trend(right, bills, color="black", linestyle="--", label="all together")
left.set(title="Body mass", xlabel="Body mass (g)", ylabel="Penguins")
right.set(title="Bill shape", xlabel="Bill length (mm)", ylabel="Bill depth (mm)")
left.legend()
right.legend()
plt.show()"""
