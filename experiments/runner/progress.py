"""Progress for a person at a terminal, log lines for everything else."""

import logging
import sys
from typing import Any

import jax

_log = logging.getLogger(__name__)


class ProgressBar:
    """A bar on process 0 of a run at a terminal; elsewhere one log line an epoch."""

    def __init__(self, total: int, done: int = 0) -> None:
        """Starts at epoch `done` of `total`."""
        self._total = total
        self._bar: Any = None
        if jax.process_index() == 0 and sys.stderr.isatty():
            import tqdm

            self._bar = tqdm.tqdm(total=total, initial=done, unit="epoch")

    def update(self, epoch: int, numbers: dict[str, Any]) -> None:
        """Shows the numbers of an epoch that has ended."""
        text = "  ".join(f"{name} {_short(value)}" for name, value in numbers.items())
        if self._bar is not None:
            self._bar.set_postfix_str(text)
            self._bar.update()
        elif jax.process_index() == 0:
            _log.info("epoch %d/%d  %s", epoch, self._total, text)

    def close(self) -> None:
        """Leaves the terminal on a line of its own."""
        if self._bar is not None:
            self._bar.close()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
