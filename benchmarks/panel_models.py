"""Scripted models for `panel.py`: answers of the sizes it measures, in small pieces as they come."""

from __future__ import annotations

from typing import Any

from jupyter_agent.providers.replay import Call, Say, Wait

ROWS, LINES = 800, 500
HEAD = "| species | island | bill | depth | mass |\n|---|---|--:|--:|--:|\n"
CODE = '''def step_{n}(frame, column="mass"):
    """Return the mean of step {n}."""
    values = [float(value) for value in frame[column] if value is not None]
    return sum(values) / max(1, len(values))

'''
CHAT = """## Step {n}

The mean of *group {n}* is **{n}.5 g**; see `df.groupby("species")` and $x_{{{n}}} = \\\\frac{{1}}{{n}}$.

| species | n | mean |
|---|--:|--:|
| Adelie | 151 | 3,7{n} |
| Gentoo | 123 | 5,0{n} |

- one
- two, with a longer line that wraps in a narrow panel, and goes on for some words more

```python
mass = df.groupby("species")["body_mass_g"].mean()
print(mass.round({n}))
```
"""


def model_table(request: Any) -> Any:
    """Say a table of 800 rows, two at a time."""
    yield Say("A table:\n\n" + HEAD)
    for number in range(0, ROWS, 2):
        rows = (
            f"| Adelie {n} | Biscoe | {n / 7:.2f} | {n / 9:.2f} | {n * 3} |\n"
            for n in (number, number + 1)
        )
        yield Say("".join(rows))
        yield Wait(0.02)
    yield Say("\nThe end.")


def model_code(request: Any) -> Any:
    """Say a block of 500 lines of Python, two at a time."""
    yield Say("Some code:\n\n```python\n")
    lines = "".join(CODE.format(n=n) for n in range(LINES // 5)).splitlines(keepends=True)
    for number in range(0, len(lines), 2):
        yield Say("".join(lines[number : number + 2]))
        yield Wait(0.02)
    yield Say("```\n\nThe end.")


def model_chat(request: Any) -> Any:
    """Look at the notebook, then say an answer with all that answers have."""
    if request.messages[-1].role == "user":
        return [Call("notebook_overview", {})]
    number = sum(message.role == "user" for message in request.messages)
    return [Say(CHAT.format(n=number))]
