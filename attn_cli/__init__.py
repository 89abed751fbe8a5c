"""Tiny character-level transformers: train one in a minute and see what happens inside.

    import attn_cli as attn

    model = attn.load("runs/tales")
    print(model.generate("The owl", temperature=0.5, seed=7))
    model.trace("The owl met the fox").attention  # (L, H, T, T)

docs/reference/python.md shows all of it. Nothing is imported before it is used: torch takes a
second.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attn_cli.api.load import load
    from attn_cli.api.model import Model
    from attn_cli.api.run import Run, list_runs
    from attn_cli.api.text import Text
    from attn_cli.api.trace import PairTrace, Trace
    from attn_cli.api.train import train
    from attn_cli.errors import AttnError
    from attn_cli.model.attention import MultiHeadAttention
    from attn_cli.training.callbacks import Callback
else:
    _HOME = {
        "AttnError": "attn_cli.errors",
        "Callback": "attn_cli.training.callbacks",
        "Model": "attn_cli.api.model",
        "MultiHeadAttention": "attn_cli.model.attention",
        "PairTrace": "attn_cli.api.trace",
        "Run": "attn_cli.api.run",
        "Text": "attn_cli.api.text",
        "Trace": "attn_cli.api.trace",
        "list_runs": "attn_cli.api.run",
        "load": "attn_cli.api.load",
        "train": "attn_cli.api.train",
    }

    def __getattr__(name):
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOME[name]), name)

    def __dir__():
        return sorted({*globals(), *_HOME})


__version__ = "0.1.0"
__all__ = [
    "AttnError",
    "Callback",
    "Model",
    "MultiHeadAttention",
    "PairTrace",
    "Run",
    "Text",
    "Trace",
    "list_runs",
    "load",
    "train",
]
