"""A bar for a person, lines for a log."""

import io
import logging
import sys

from experiments.runner.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = ProgressBar(2)
    bar.update(1, {"loss": 0.51234})
    bar.close()
    assert "1/2" in terminal.getvalue()
    assert "loss 0.5123" in terminal.getvalue()


def test_a_log_gets_a_line_an_epoch(monkeypatch, caplog):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with caplog.at_level(logging.INFO, "experiments"):
        bar = ProgressBar(2)
        bar.update(1, {"loss": 0.51234, "non_zeros": 12})
        bar.close()
    assert caplog.messages == ["epoch 1/2  loss 0.5123  non_zeros 12"]
