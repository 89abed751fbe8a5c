"""What an evaluation may be: of characters, of labels or of targets."""

from typing import TypeAlias

from attn_cli.objectives.evaluation import Evaluation
from attn_cli.objectives.label_evaluation import LabelEvaluation
from attn_cli.objectives.pair_evaluation import PairEvaluation

AnyEvaluation: TypeAlias = Evaluation | LabelEvaluation | PairEvaluation
