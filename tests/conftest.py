"""Every test runs with the package's shape annotations executed, on the CPU, and with the same examples every time."""

import os
import signal
import sys

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

from shape_checks import NumbaModulesUnchecked

if any(name.split(".")[0] == "mereq" for name in sys.modules):
    raise RuntimeError("mereq was imported before its shape annotations could be switched on")
install_import_hook("mereq", "shape_checks.checked")
sys.meta_path.insert(0, NumbaModulesUnchecked)

jax.config.update("jax_platforms", "cpu")
settings.register_profile("exact", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("exact")


@pytest.fixture
def mereq(monkeypatch, capsys):
    """Run a command; gives its exit status, what it printed for programs, and what it told the user."""
    from mereq import cli

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["mereq", *map(str, words)])
        status, on_term = 0, signal.getsignal(signal.SIGTERM)
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code or 0
        finally:
            signal.signal(signal.SIGTERM, on_term)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
