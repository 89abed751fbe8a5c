"""Which optimizer moves which parameter."""

from collections.abc import Iterable

from torch import Tensor
from torch.nn import Parameter

from attn_cli.config.schema import TrainConfig
from attn_cli.model.stack import Stack
from attn_cli.training.adamw import AdamW
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.muon import Muon
from attn_cli.training.optimizer import Optimizer
from attn_cli.training.precision import DTYPES, choose_muon_precision
from attn_cli.training.table_sgd import TableSGD


def make_optimizers(
    model: Stack,
    config: TrainConfig,
    world: World = SINGLE_PROCESS,
    frequent: Tensor | None = None,
) -> list[Optimizer]:
    """The optimizers that together move every parameter once.

    `adamw`: AdamW for all, with weight decay on matrices only.
    `muon`: Muon for the matrices inside the blocks; embeddings, head and norms, which
    it is not made for, under AdamW without weight decay.
    Tables of n-grams are under TableSGD with either; only their `frequent` rows, if given.
    """

    def adamw(parameters: Iterable[Parameter], weight_decay: float) -> AdamW:
        betas = (config.beta1, config.beta2)
        return AdamW(parameters, config.learning_rate, betas=betas, weight_decay=weight_decay)

    tables = {id(table) for table in model.tables()}
    parameters = [parameter for parameter in model.parameters() if id(parameter) not in tables]
    of_tables: list[Optimizer] = []
    if tables:
        rate = config.table_learning_rate
        of_tables = [
            TableSGD(model.tables(), rate, beta2=config.beta2, frequent=frequent, world=world)
        ]
    if config.optimizer == "adamw":
        matrices = [parameter for parameter in parameters if parameter.dim() >= 2]
        vectors = [parameter for parameter in parameters if parameter.dim() < 2]
        return [adamw(matrices, config.weight_decay), adamw(vectors, 0.0), *of_tables]
    of_blocks = (p for stack in model.stacks() for p in stack.blocks.parameters())
    inner = [parameter for parameter in of_blocks if parameter.dim() == 2]
    chosen = {id(parameter) for parameter in inner}
    outer = [parameter for parameter in parameters if id(parameter) not in chosen]
    muon = Muon(
        inner,
        config.matrix_learning_rate,
        weight_decay=config.weight_decay,
        dtype=DTYPES[choose_muon_precision(config.muon_precision, outer[0].device)],
        world=world,
    )
    return [muon, adamw(outer, 0.0), *of_tables]
