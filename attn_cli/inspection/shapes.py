"""Every operation of a forward pass: its shape in symbols and in numbers, and what it costs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch

from attn_cli.errors import InputError
from attn_cli.inspection.costs import (
    copy_in,
    embedding_parameters,
    forward_flops,
    table_parameters,
)
from attn_cli.model.classifier import Classifier
from attn_cli.model.ngram_embeddings import NgramEmbeddings
from attn_cli.model.stack import Stack
from attn_cli.model.trace import TraceRecord, TraceRecorder
from attn_cli.training.precision import Precision


@dataclass(frozen=True)
class ShapeRow:
    """One operation, or several that are folded into one row."""

    path: str  # where in the model, `block 1.attention`; empty at the top
    operation: str  # its name
    symbolic: tuple[str, ...]  # one symbol an axis
    shape: tuple[int, ...]  # the size of each axis
    parameters: int  # learned parameters that no earlier row has counted
    tied: bool  # whether it uses parameters that an earlier row has counted
    flops: int  # of its matrix products; a multiplication and an addition are two, as in torch
    bytes: int  # size of the result; 0 for a view
    dtype: str  # of the result
    view: bool  # whether the result shares the memory of an earlier tensor
    times: int = 1  # how many layers the row stands for; the other numbers are of one

    @property
    def full_name(self) -> str:
        """Path and operation, `block 1.attention.scores`."""
        return f"{self.path}.{self.operation}" if self.path else self.operation


@dataclass(frozen=True)
class Shapes:
    """Every operation of a forward pass, and the totals."""

    dims: Mapping[str, int]  # each symbol and its value
    rows: Sequence[ShapeRow]  # the operations, in order of execution
    parameters: int  # of the whole model; shared ones count once
    embedding_parameters: int  # of them, the embeddings of characters and of positions
    table_parameters: int  # of them, the tables of n-grams
    flops: int  # of all rows
    counted_flops: int  # by torch's own counter, for the same text on the model's fast path

    @property
    def row_parameters(self) -> int:
        """The sum over the rows; it has to equal `parameters`."""
        return sum(row.parameters * row.times for row in self.rows)


@torch.no_grad()
def inspect_shapes(
    model: Stack,
    ids: Sequence[int],
    source_ids: Sequence[int] | None = None,
    *,
    batch: int = 1,
    precision: Precision = "fp32",
) -> Shapes:
    """Every operation of a forward pass over a text of T ids.

    Args:
        model: Stays as it is; a copy of it is run.
        ids: The text; of an encoder-decoder, what its decoder reads.
        source_ids: The S ids of the source, of an encoder-decoder.
        batch: B, how many times the text is in the batch.
        precision: The dtype to compute in.
    """
    model = copy_in(precision, model)
    device = model.token_embedding.weight.device
    texts = [ids] if source_ids is None else [ids, source_ids]
    inputs = [torch.tensor([list(text)] * batch, device=device) for text in texts]  # (B, T|S)
    trace = TraceRecorder()
    model(*inputs, trace=trace)
    rows = list(_rows(model, trace.records))
    dims = _dims(model, batch, len(ids))
    return Shapes(
        dims if source_ids is None else {**dims, "S": len(source_ids)},
        rows,
        model.parameter_count(),
        embedding_parameters(model),
        table_parameters(model),
        sum(row.flops for row in rows),
        forward_flops(model, *inputs),
    )


def folded(rows: Sequence[ShapeRow], depth: int) -> list[ShapeRow]:
    """The rows with all layers of a stack folded into one, `block 1-3`.

    Args:
        rows: All operations.
        depth: 0 for one row a layer, 1 for one each for its attention and feed-forward,
            2 for all operations of a layer.

    Raises:
        InputError: The layers differ.
    """
    found = []
    for stack, group in groupby(rows, key=_stack):
        of_stack = [replace(row, path=row.path.removeprefix(stack).lstrip(".")) for row in group]
        found += [
            replace(row, path=".".join(filter(None, (stack, row.path))))
            for row in _folded_stack(of_stack, depth)
        ]
    return found


def _stack(row: ShapeRow) -> str:
    """The stack that a row is of, `encoder`; empty where the model is one."""
    return next((stack for stack in ("encoder", "decoder") if row.path.startswith(stack)), "")


def _folded_stack(rows: Sequence[ShapeRow], depth: int) -> list[ShapeRow]:
    layers = dict.fromkeys(map(_layer_name, filter(_layer_name, rows)))
    if len({_layer(rows, name) for name in layers}) > 1:
        raise InputError("depth: the layers of this model differ", "show each by itself")
    first, all_layers = "block 1", f"block 1-{len(layers)}" if len(layers) > 1 else "block 1"
    kept = (row for row in rows if _layer_name(row) in ("", first))
    found = []
    for place, group in groupby(kept, key=lambda row: row.path.split(".")[: depth + 1]):
        together = list(group)
        if len(place) > depth and together[0].path:
            together = [_sum(together, place)]
        for row in together:
            if (row.path or row.operation).startswith(first):
                row = replace(
                    row,
                    path=row.path.replace(first, all_layers, 1),
                    operation=row.operation.replace(first, all_layers, 1),
                    times=len(layers),
                )
            found.append(row)
    return found


def _layer_name(row: ShapeRow) -> str:
    """The layer that a row of a stack is of, `block 1`; empty where it is of none."""
    first = row.path.partition(".")[0]
    return first if first.startswith("block ") else ""


def _layer(rows: Sequence[ShapeRow], name: str) -> tuple[ShapeRow, ...]:
    """The rows of a layer, without its name."""
    return tuple(
        replace(row, path=row.path.removeprefix(name)) for row in rows if _layer_name(row) == name
    )


def _sum(rows: Sequence[ShapeRow], place: Sequence[str]) -> ShapeRow:
    """Several operations as one row, with the shape of the last one's result."""
    return replace(
        rows[-1],
        path=".".join(place[:-1]),
        operation=place[-1],
        parameters=sum(row.parameters for row in rows),
        tied=False,
        flops=sum(row.flops for row in rows),
        bytes=sum(row.bytes for row in rows),
        view=False,
    )


def _dims(model: Stack, batch: int, length: int) -> dict[str, int]:
    config = model.config
    return {
        "B": batch,
        "T": length,
        "C": config.n_embd,
        "H": config.n_head,
        "D": config.n_embd // config.n_head,
        "F": config.inner_width,
        "V": model.vocab_size,
        "L": config.n_layer,
        **({"Y": model.head.out_features} if isinstance(model, Classifier) else {}),
        **({} if model.ngrams is None else _ngram_dims(model.ngrams)),
    }


def _ngram_dims(ngrams: NgramEmbeddings) -> dict[str, int]:
    rows, width = ngrams.table.weight.shape
    return {"N": len(ngrams.hash.lengths), "E": width, "R": rows}


def _rows(model: Stack, records: Sequence[TraceRecord]) -> Iterator[ShapeRow]:
    counted: set[int] = set()
    # The trace keeps every tensor alive, so that no two have had the same place in turn.
    places = {_place(tensor) for tensor in (*model.parameters(), *model.buffers())}
    for record in records:
        new = [p for p in record.parameters if id(p) not in counted]
        counted.update(id(parameter) for parameter in new)
        tensor, place = record.tensor, _place(record.tensor)
        view = place in places
        places.add(place)
        yield ShapeRow(
            path=record.path,
            operation=record.operation,
            symbolic=record.axes,
            shape=tuple(tensor.shape),
            parameters=sum(parameter.numel() for parameter in new),
            tied=len(new) < len(record.parameters),
            flops=2 * math.prod(tensor.shape) * record.reduced_size,
            bytes=0 if view else tensor.numel() * tensor.element_size(),
            dtype=str(tensor.dtype).removeprefix("torch."),
            view=view,
        )


def _place(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
