"""What a run came to."""

from dataclasses import dataclass

from attn_cli.objectives.any_evaluation import AnyEvaluation


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Attributes:
        steps: Optimizer steps done.
        chars: Characters trained on.
        seconds: Time that the run has taken.
        parameters: Learned numbers.
        val_loss: The validation loss of the best step, nats per character, or per example where
            labels are predicted; None where the run was stopped before its first evaluation.
        best_step: The step with the best evaluation; 0 where there is none.
        evaluation: The last one, with its standard error; None where there was none.
        val_chars: How many characters it is of: of a long validation split, the first ones.
        interrupted: Whether the run was stopped before its budget was spent.
    """

    steps: int
    chars: int
    seconds: float
    parameters: int
    val_loss: float | None
    best_step: int
    evaluation: AnyEvaluation | None
    val_chars: int
    interrupted: bool
