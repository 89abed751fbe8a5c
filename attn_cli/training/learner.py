"""A model, its optimizers and its objective: what one step changes."""

import torch

from attn_cli.config.schema import Config
from attn_cli.model.build import build_model
from attn_cli.objectives.any_evaluation import AnyEvaluation
from attn_cli.objectives.objective import Objective
from attn_cli.runs.checkpoint import Checkpoint
from attn_cli.text.batches import Batch
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.micro_batch import choose_micro_batch
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import choose_precision
from attn_cli.training.rng import rng_states, seed_rank, set_rng_states
from attn_cli.training.step import StepResult, train_step


class Learner:
    """A model with what trains it: optimizers, batches, and the state of the random generator.

    Args:
        config: The run's configuration.
        objective: What the model is trained for, and on.
        device: Where to compute.
        init_from: A checkpoint whose weights a new run begins with.
        resume_from: The checkpoint that a run is resumed from: its weights, its optimizer state
            and its random states.
        world: The processes that train together; each has a learner of the same config.

    Attributes:
        model: The fp32 master weights.
        mp_model: The same, with a copy in the precision that is computed in.
        precision: That precision.
        batches: This process's part of the batches.
        micro_batch: Sequences per forward and backward pass.

    Raises:
        CheckpointError: A checkpoint is damaged, or does not fit the config.
    """

    def __init__(
        self,
        config: Config,
        objective: Objective,
        device: torch.device,
        *,
        init_from: Checkpoint | None = None,
        resume_from: Checkpoint | None = None,
        world: World = SINGLE_PROCESS,
    ) -> None:
        self.settings = config.train
        self.objective = objective
        self.device = device
        self.world = world
        torch.manual_seed(config.train.seed)
        vocab_size = objective.tokenizer.vocab_size
        n_labels = len(objective.dataset.labels)
        self.model = build_model(config.model, vocab_size, config.task, n_labels)
        if resume_from:
            resume_from.load_weights(self.model)
        elif init_from and init_from.metadata.data.labels == objective.dataset.labels:
            init_from.load_weights(self.model)
        elif init_from:  # another head: of an encoder, or for other labels
            init_from.load_trunk(self.model)
        self.model.to(device)
        self.precision = choose_precision(config.train.precision, device)
        self.mp_model = world.wrap_model(self.model, self.precision)
        self.optimizers = make_optimizers(self.model, config.train, world, self._frequent_rows())
        seed_rank(config.train.seed, resume_from.metadata.step if resume_from else 0, world)
        if resume_from:
            state = resume_from.load_optimizer_state(self.model)
            for optimizer in self.optimizers:
                optimizer.load_state(state)
            set_rng_states(resume_from.random_states(), device, world)
        self.batches = objective.batches(world.rank, world.world_size)
        self.micro_batch = choose_micro_batch(
            config, device, world.world_size, self.batches.max_length
        )

    def _frequent_rows(self) -> torch.Tensor | None:
        """The rows of the n-gram tables that are learned, (R,) of bool; None for all."""
        count, ngrams = self.settings.table_min_count, self.model.ngrams
        if not count or ngrams is None:
            return None
        return ngrams.frequent_rows(self.objective.train_ids, count).to(self.device)

    def train_step(self, step: int, learning_rate: float) -> StepResult:
        """One optimizer step.

        Args:
            step: Steps before this one.
            learning_rate: AdamW's; other optimizers' are scaled alike.
        """
        batch = self.batches.batch(step).to(self.device)  # (B / processes, T)
        return train_step(
            self.mp_model,
            self.optimizers,
            batch,
            step=step,
            micro_batch=self.micro_batch,
            lr_scale=learning_rate / self.settings.learning_rate,
            grad_clip=self.settings.grad_clip,
            loss_function=self.objective.loss,
            world=self.world,
        )

    def evaluate(self) -> AnyEvaluation:
        """How well the model does on the validation split, by all processes together."""
        world = self.world
        model = self.mp_model.compute
        return self.objective.evaluate(model, world.rank, world.world_size, world.all_reduce_sum)

    def estimate_evaluation_seconds(self, budget: float) -> float:
        """Seconds that `evaluate` will take; a small share of `budget` seconds finds out."""
        seconds = self.objective.estimate_evaluation_seconds(self.mp_model.compute, budget)
        return seconds / self.world.world_size

    def sample(self, seed: int) -> str:
        """Something that the model makes; the same for the same seed."""
        sample = self.objective.sample(self.model.eval(), seed)
        self.model.train()
        return sample

    def micro_batch_example(self) -> Batch:
        """A batch of the shape of a micro-batch, on the device."""
        return self.batches.batch(0)[: self.micro_batch].to(self.device)

    def optimizer_state(self) -> dict[str, dict[str, torch.Tensor]]:
        """The state of the optimizers, by the names of the parameters."""
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        return {
            names[parameter]: state
            for optimizer in self.optimizers
            for parameter, state in optimizer.state.items()
        }

    def rng_states(self) -> dict[str, torch.Tensor]:
        """The states of the random generators of all processes, which all have to ask for."""
        return rng_states(self.device, self.world)
