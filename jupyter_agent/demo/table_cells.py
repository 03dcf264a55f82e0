"""The source of the cells that explore any pandas table. Each prints what `table_facts.py` reads.

Like those of `cells.py` each begins with a title of its own, by which it is known again.
"""

from __future__ import annotations

LOAD = "# Read the table"
COLUMNS = "# Rows, columns and types"
GAPS = "# Values that are missing"
NUMBERS = "# The columns of numbers"
OTHERS = "# The other columns"
PLOT = "# Plot: how the values are distributed"
FINDINGS = "## What the table holds"

TITLES = (LOAD, COLUMNS, GAPS, NUMBERS, OTHERS, PLOT, FINDINGS)

MOST_COLUMNS = 30  # that a cell prints
MOST_PLOTS = 3

_NUMERIC = 'select_dtypes("number", exclude="timedelta")'


def load(path: str, frame: str) -> str:
    """Read a CSV file."""
    return f"""{LOAD}
import pandas as pd

{frame} = pd.read_csv({path!r})
print(len({frame}), "rows,", len({frame}.columns), "columns")"""


def columns(frame: str) -> str:
    """Print the table's size, and each column's type."""
    return f"""{COLUMNS}
print(len({frame}), "rows,", len({frame}.columns), "columns")
for name, values in list({frame}.items())[:{MOST_COLUMNS}]:
    print(f"{{name}}: {{values.dtype}}")"""


def gaps(frame: str) -> str:
    """Count the missing values of each column that has any."""
    return f"""{GAPS}
gaps = {frame}.isna().sum()
for name, count in gaps[gaps > 0].items():
    print(f"{{name}}: {{count}} of {{len({frame})}} missing")
if not gaps.any():
    print("No value is missing.")"""


def numbers(frame: str) -> str:
    """Describe each column of numbers."""
    return f"""{NUMBERS}
numbers = {frame}.{_NUMERIC}.astype(float)
for name, values in list(numbers.items())[:{MOST_COLUMNS}]:
    print(
        f"{{name}}: n = {{values.count()}}, mean = {{values.mean():.6g}}, median = {{values.median():.6g}},"
        f" from {{values.min():.6g}} to {{values.max():.6g}}"
    )
if numbers.columns.empty:
    print("No column holds numbers.")"""


def others(frame: str) -> str:
    """Count the different values of each other column, and name the most frequent."""
    return f"""{OTHERS}
others = {frame}.drop(columns={frame}.{_NUMERIC}.columns)
for name, values in list(others.items())[:{MOST_COLUMNS}]:
    counts = values.dropna().astype(str).value_counts()
    most = f"; most frequent {{counts.index[0][:40]!r}}, {{counts.iloc[0]}} times" if len(counts) else ""
    print(f"{{name}}: {{len(counts)}} different{{most}}")
if others.columns.empty:
    print("All columns hold numbers.")"""


def plot_numbers(frame: str, count: int) -> str:
    """Draw histograms of the first columns of numbers."""
    shown = min(count, MOST_PLOTS)
    return f"""{PLOT}
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, {shown}, figsize=({4 * shown}, 3.2), layout="constrained", squeeze=False)
for ax, (name, values) in zip(axes[0], numbers.items()):
    ax.hist(values.dropna(), bins=20)
    ax.set(title=str(name), xlabel=str(name), ylabel="Rows")
plt.show()"""


def plot_words(frame: str) -> str:
    """Draw the most frequent values of the first column, where none holds numbers."""
    return f"""{PLOT}
import matplotlib.pyplot as plt

name, values = next({frame}.items())
counts = values.dropna().astype(str).value_counts().head(10)
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.barh(counts.index[::-1], counts[::-1])
ax.set(title=str(name), xlabel="Rows")
plt.show()"""
