"""What an experiment found: sentences, tables, figures and numbers, on disk and back.

    numbers.json      flat name -> number (null: nothing to measure it on)
    tables/*.csv      tidy rows with intervals
    figures/*.html    each figure as a page of its own
    settings.toml     what the experiment was asked
    findings.json     all of it again, so that a report can show it without measuring anything twice

Sentences are built from the numbers they state: measure something else and they say something else.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isnan, nan
from pathlib import Path
from typing import Any

from maze_interp import figures, recipes, storage, tables
from maze_interp.figures import Figure, Html, Section, Table
from maze_interp.tables import Row

Progress = Callable[[int, int], None]
FINDINGS = "findings.json"


@dataclass(frozen=True)
class Findings:
    """The result of one experiment under a heading, in the order it is to be read."""

    heading: str
    sentences: Sequence[str] = ()
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    figures: Mapping[str, Figure | Html] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


def counter(progress: Progress | None, total: int) -> Callable[[], None]:
    """What is to be called `total` times, each time that a part is done: it tells `progress` how many are."""
    done = iter(range(1, total + 1))
    return lambda: None if progress is None else progress(next(done), total)


def write(findings: Findings, folder: str | Path, settings: Any) -> Path:
    """Write the findings and the settings that led to them into an empty folder; returns it."""
    known = {name: None if isnan(value) else value for name, value in findings.numbers.items()}  # JSON has no nan
    record = {
        "heading": findings.heading,
        "sentences": list(findings.sentences),
        "tables": {name: [_record(row) for row in rows] for name, rows in findings.tables.items()},
        "figures": {name: figures.to_record(figure) for name, figure in findings.figures.items()},
        "numbers": known,
    }
    with storage.folder_atomically(folder) as partial:
        storage.write_text_atomically(partial / "settings.toml", recipes.to_toml(settings))
        storage.write_text_atomically(partial / "numbers.json", json.dumps(known, indent=2, allow_nan=False) + "\n")
        for name, rows in findings.tables.items():
            tables.to_csv(rows, partial / "tables" / f"{name}.csv")
        for name, figure in findings.figures.items():
            figures.write_page(partial / "figures" / f"{name}.html", findings.heading, [Section(name, [figure])])
        storage.write_text_atomically(partial / FINDINGS, json.dumps(record, allow_nan=False))
    return Path(folder)


def read(folder: str | Path) -> Findings:
    """The findings that `write` left in a folder. Raises ValueError if there are none."""
    path = Path(folder) / FINDINGS
    if not path.exists():
        raise ValueError(f"{folder} holds no findings: it has no {FINDINGS}")
    record = json.loads(path.read_text())
    return Findings(
        record["heading"],
        record["sentences"],
        {name: [_row(record) for record in rows] for name, rows in record["tables"].items()},
        {name: figures.from_record(figure) for name, figure in record["figures"].items()},
        {name: nan if value is None else value for name, value in record["numbers"].items()},
    )


def section(findings: Findings) -> Section:
    """The findings as a section of a page: sentences, then figures, then tables."""
    shown = [as_table(name, rows) for name, rows in findings.tables.items()]
    return Section(findings.heading, [*findings.sentences, *findings.figures.values(), *shown])


def as_table(name: str, rows: Sequence[Row]) -> Table:
    """Tidy rows as a table for reading: a line a measure, and where one condition varies a column for each of it."""
    conditions = list(dict.fromkeys(key for row in rows for key in row.what))
    caption = name.replace("_", " ")
    if len(conditions) == 1:
        columns = list(dict.fromkeys(row.what.get(conditions[0], "") for row in rows))
        cells = {(row.measure, row.what.get(conditions[0], "")): _reading(row) for row in rows}
        measures = list(dict.fromkeys(row.measure for row in rows))
        lines: list[list[Any]] = [
            [measure, *(cells.get((measure, column), "") for column in columns)] for measure in measures
        ]
        return Table(["measure", *map(str, columns)], lines, f"{caption}: value, 95% interval")
    lines = [[*(row.what.get(key, "") for key in conditions), row.measure, _reading(row)] for row in rows]
    return Table([*conditions, "measure", "value, 95% interval"], lines, caption)


def _record(row: Row) -> dict[str, Any]:
    """A row as JSON values: nan, which JSON lacks, becomes null."""
    return {name: None if isinstance(value, float) and isnan(value) else value for name, value in asdict(row).items()}


def _row(record: dict[str, Any]) -> Row:
    known: dict[str, Any] = {name: nan if value is None else value for name, value in record.items()}
    return Row(**known)


def _reading(row: Row) -> str:
    if row.n == 0:
        return "no such maze"
    span = "all alike" if isnan(row.low) else f"{row.low:.3f} to {row.high:.3f}"
    return f"{row.value:.3f} ({span}; n {row.n:,})"
