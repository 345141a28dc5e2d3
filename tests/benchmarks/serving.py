"""The peer's half of a conversation: what is asked in lines of JSON is prepared once and measured on demand.

    {"prepare": "solve", "settings": {"rows": 6, "count": 200}}   is answered by   {"task": 0}
    {"measure": 0}                                                is answered by   {"seconds": 0.21, "value": ...}

This file and the scripts that use it run in a peer's environment and import nothing of ours. Whatever a library prints
goes to standard error, so that standard output holds answers alone.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TextIO

Found = float | Callable[[], float]  # a number by which we can tell that the same was done, or what counts it
Work = Callable[[], Found]  # does it once


def serve(actions: Mapping[str, Callable[..., Work]]) -> None:
    """Answer until the input ends. An action prepares work from its settings; what fails is answered by its error."""
    answers, sys.stdout = sys.stdout, sys.stderr
    tasks: list[Work] = []
    _say(answers, {"ready": True})
    for line in sys.stdin:
        try:
            _say(answers, _answer(json.loads(line), actions, tasks))
        except Exception as error:
            traceback.print_exc()
            _say(answers, {"error": f"{type(error).__name__}: {error}"})


def _answer(asked: dict[str, Any], actions: Mapping[str, Callable[..., Work]], tasks: list[Work]) -> dict[str, Any]:
    if "prepare" in asked:
        tasks.append(actions[asked["prepare"]](**asked["settings"]))
        return {"task": len(tasks) - 1}
    begin = time.perf_counter()
    found = tasks[asked["measure"]]()
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "value": found() if callable(found) else found}


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
