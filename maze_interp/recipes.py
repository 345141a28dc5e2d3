"""Recipes: what to make, as a frozen dataclass in Python and a TOML file on disk.

The dataclass is the schema. Its annotations say what each key may hold, its defaults say what a file may leave out,
and anything else is an error that names the file, the key and what would have been right. `override` applies
command-line settings such as `model.heads=4` to a recipe under the same rules.

Keys may hold bool, int, float, str, tuples, `dict[str, ...]`, `Literal[...]`, `X | None` and nested dataclasses. Where
a table may be one of several dataclasses, it is the one that has the most of its keys.
"""

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Recipe = TypeVar("Recipe")
WORDS = {"none": None, "true": True, "false": False}


class Refusal(ValueError):
    """What was asked for is understood and cannot be had: no such maze can be, or no words of the language say it."""


def unknown(kind: str, name: object, allowed: Iterable[object]) -> ValueError:
    """The error for a name that is not among `allowed`: says the nearest one and lists them all.

    >>> raise unknown("generator", "depth_frist", ["depth_first", "wilson"])
    Traceback (most recent call last):
    ValueError: unknown generator 'depth_frist'; did you mean 'depth_first'? allowed: depth_first, wilson
    """
    names = [str(item) for item in allowed]
    near = get_close_matches(str(name), names, n=1)
    hint = f" did you mean {near[0]!r}?" if near else ""
    return ValueError(f"unknown {kind} {str(name)!r};{hint} allowed: {', '.join(names) or '(nothing)'}")


def load(cls: type[Recipe], path: str | Path) -> Recipe:
    """The recipe in a TOML file. Raises ValueError naming the file for an unknown key, a wrong type or bad TOML."""
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    return from_dict(cls, data, path)


def from_dict(cls: type[Recipe], data: Mapping[str, Any], where: str | Path) -> Recipe:
    """The recipe that `data` describes; `where` (a file name, say) leads every error message."""
    try:
        return _build(cls, data, "")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def to_dict(recipe: Any) -> dict[str, Any]:
    """The recipe as nested dictionaries, None included. `from_dict` is the way back."""
    return {field.name: _plain(getattr(recipe, field.name)) for field in dataclasses.fields(recipe) if field.init}


def flat(recipe: Any) -> dict[str, Any]:
    """The recipe's values by their dotted keys, as `override` and --set name them."""

    def lay(table: Mapping[str, Any], path: str) -> dict[str, Any]:
        laid: dict[str, Any] = {}
        for key, value in table.items():
            laid |= lay(value, f"{path}{key}.") if isinstance(value, Mapping) else {f"{path}{key}": value}
        return laid

    return lay(to_dict(recipe), "")


def to_toml(recipe: Any) -> str:
    """The recipe as TOML text. None is written by leaving the key out, so it must be that key's default."""
    _check_none(recipe, "")
    return "".join(f"{line}\n" for line in _lines(to_dict(recipe), "")).lstrip("\n")


def override(recipe: Recipe, settings: Mapping[str, str]) -> Recipe:
    """`recipe` with some keys changed, given as text: `{"model.heads": "4", "world.knobs.p": "0.3", "seed": "none"}`.

    Text is read as the key's annotation wants it; a tuple is `1,2,3` or `[1, 2, 3]`. Raises ValueError naming the
    nearest key or the expected type.
    """
    data = to_dict(recipe)
    for key, text in settings.items():
        table, hint = data, type(recipe)
        *parents, name = key.split(".")
        for depth, parent in enumerate(parents):
            hint = _entry_hint(hint, parents[:depth], parent)
            table[parent] = table = dict(table.get(parent) or {})
        table[name] = _read(text, _entry_hint(hint, parents, name))
    return from_dict(type(recipe), data, f"settings {', '.join(settings)}")


def _build(cls: Any, data: Mapping[str, Any], prefix: str) -> Any:
    hints = _hints(cls)
    values = {}
    for name, value in data.items():
        if name not in hints:
            raise unknown("key", prefix + name, [prefix + key for key in hints])
        values[name] = _convert(value, hints[name], prefix + name)
    for field in dataclasses.fields(cls):
        if field.init and field.name not in values and _required(field):
            if not _fits(None, hints[field.name]):
                raise ValueError(f"missing key {prefix + field.name!r} ({_wanted(hints[field.name])})")
            values[field.name] = None
    return cls(**values)


def _hints(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def _required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _arms(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _items(hint: Any, count: int) -> tuple[Any, ...]:
    """The annotations of a tuple's `count` items; a shorter or longer tuple of annotations means it cannot fit."""
    args = get_args(hint)
    return (args[0],) * count if len(args) == 2 and args[1] is Ellipsis else args


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint) or hint
    if origin is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, arm) for arm in get_args(hint))
    if origin is Literal:
        return any(value == option and type(value) is type(option) for option in get_args(hint))
    if origin is tuple:
        items = _items(hint, len(value)) if isinstance(value, (list, tuple)) else None
        return items is not None and len(items) == len(value) and all(map(_fits, value, items))
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, get_args(hint)[1]) for item in value.values())
    if dataclasses.is_dataclass(hint):
        return isinstance(value, dict)
    if origin is float:
        return type(value) in (int, float)
    return type(value) is origin


def _convert(value: Any, hint: Any, key: str) -> Any:
    if not _fits(value, hint):
        options = [option for arm in _arms(hint) if get_origin(arm) is Literal for option in get_args(arm)]
        if options and isinstance(value, str):
            raise ValueError(f"{key}: {unknown('value', value, options)}")
        raise ValueError(f"{key} must be {_wanted(hint)}, not {value!r}")
    arms = [arm for arm in _arms(hint) if _fits(value, arm)]
    if isinstance(value, dict):
        arm = max(arms, key=lambda arm: len(value.keys() & _hints(arm)) if dataclasses.is_dataclass(arm) else 0)
    else:
        arm = next((arm for arm in arms if type(value) is arm), arms[0])  # 3 for int | float stays an int
    if get_origin(arm) is tuple:
        items = _items(arm, len(value))
        return tuple(_convert(value[i], items[i], f"{key}[{i}]") for i in range(len(value)))
    if get_origin(arm) is dict:
        return {name: _convert(item, get_args(arm)[1], f"{key}.{name}") for name, item in value.items()}
    if dataclasses.is_dataclass(arm):
        return _build(arm, value, f"{key}.")
    return float(value) if arm is float else value


def _wanted(hint: Any) -> str:
    if dataclasses.is_dataclass(hint):
        return f"a table ({', '.join(_hints(hint))})"
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_wanted(arm) for arm in get_args(hint))
    return "none" if hint is NoneType else hint.__name__ if get_origin(hint) is None else str(hint)


def _entry_hint(hint: Any, parents: list[str], name: str) -> Any:
    """What key `name` of a table annotated `hint` may hold; `parents` lead to that table."""
    known: dict[str, Any] = {}
    for arm in _arms(hint):
        if get_origin(arm) is dict:
            return get_args(arm)[1]
        if dataclasses.is_dataclass(arm):
            known = {**_hints(arm), **known}
    if name in known:
        return known[name]
    if known:
        raise unknown("key", ".".join([*parents, name]), [".".join([*parents, other]) for other in known])
    raise ValueError(f"{'.'.join(parents)} holds {_wanted(hint)}, so it has no key {name!r}")


def _read(text: str, hint: Any) -> Any:
    """The first reading of `text` that fits `hint`, or the text itself (whose misfit `_convert` will explain)."""
    readings: list[Any] = [WORDS[text.lower()]] if text.lower() in WORDS else []
    for toml in (text, f"[{text}]"):
        try:
            readings.append(tomllib.loads(f"value = {toml}")["value"])
        except tomllib.TOMLDecodeError:
            continue
    readings += [text, [part.strip() for part in text.split(",")]]
    return next((value for value in readings if _fits(value, hint)), text)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return tuple(map(_plain, value)) if isinstance(value, (list, tuple)) else value


def _check_none(recipe: Any, prefix: str) -> None:
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        for name, table in (value if isinstance(value, Mapping) else {}).items():
            if dataclasses.is_dataclass(table):
                _check_none(table, f"{prefix}{field.name}.{name}.")
        if dataclasses.is_dataclass(value):
            _check_none(value, f"{prefix}{field.name}.")
        elif value is None and field.default is not None and not _required(field):
            raise ValueError(f"{prefix}{field.name} is None, which TOML cannot say, and its default is something else")


def _lines(table: Mapping[str, Any], path: str) -> Iterable[str]:
    """Plain keys first, then one [section] for each table: TOML's own order."""
    for name, value in table.items():
        if value is not None and not isinstance(value, Mapping):
            yield f"{_key(name)} = {_value(value)}"
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield f"\n[{path}{_key(name)}]"
            yield from _lines(value, f"{path}{_key(name)}.")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, str):  # JSON's escapes are TOML's, but for one control character JSON leaves bare
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        entries = [f"{_key(name)} = {_value(item)}" for name, item in value.items() if item is not None]
        return f"{{ {', '.join(entries)} }}"
    raise ValueError(f"TOML has no way to write {value!r}")
