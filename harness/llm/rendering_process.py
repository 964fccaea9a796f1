"""The program of a process that renders a chat template, which a stranger wrote: it has little time and memory.

It is run as a script, without Optathlon. Its input is a line of JSON with the template and the limits, and then a line
for each chat; its output is a line for each chat, with the `text` or with the `fault`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def main() -> None:
    """Render until the input ends."""
    from transformers.utils.chat_template_utils import render_jinja_template

    order = json.loads(sys.stdin.readline())
    _limit_memory(order["bytes"])
    for line in sys.stdin:
        _limit_time(order["seconds"])
        try:
            answer = {"text": _rendered(render_jinja_template, order, json.loads(line))}
            if len(answer["text"]) > (most := order["spare_characters"] + order["times"] * len(line)):
                answer = {"fault": f"it writes {len(answer['text']):,} characters, more than {most:,}"}
        except MemoryError:
            answer = {"fault": f"it takes more than {order['bytes'] / 2**20:,.0f} MiB of memory"}
        except RecursionError:
            answer = {"fault": "it calls itself too often, or is nested too deep"}
        except Exception as error:  # whatever a template comes to
            answer = {"fault": str(error).strip().partition("\n")[0][:200] or type(error).__name__}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _rendered(render: Any, order: Mapping[str, Any], chat: Mapping[str, Any]) -> str:
    texts, _ = render(
        conversations=[chat["messages"]],
        tools=chat["tools"],
        chat_template=order["template"],
        add_generation_prompt=chat["add_generation_prompt"],
        **chat["arguments"],
    )
    return str(texts[0])


def _limit_memory(spare: int) -> None:
    """Let the process have so many bytes more than now, where the system can limit it."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + spare, now + spare))


def _limit_time(seconds: int) -> None:
    """End the process once it has computed for so long from now on, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource
        import time

        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, most))


if __name__ == "__main__":
    main()
