"""How a run's model does on a text, measured exactly as the run's training measured it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.model.stack import Stack
from attn_cli.objectives.evaluation import Evaluation, PerTokenLosses, TextLosses, evaluate
from attn_cli.objectives.label_evaluation import LabelEvaluation, evaluate_labels
from attn_cli.objectives.labels import as_examples
from attn_cli.objectives.pair_evaluation import (
    PairEvaluation,
    WrittenTarget,
    summarize,
    target_loss,
    written_targets,
)
from attn_cli.runs.load_model import check_ensemble
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.examples import Examples, Split, joined
from attn_cli.text.pairs import PairExamples, as_pairs
from attn_cli.training.device import choose_device
from attn_cli.training.dynamic_evaluation import DynamicLosses
from attn_cli.training.precision import MixedPrecisionModel, choose_precision


def token_losses(loaded: TrainedModel, text: Split, *, dynamic: bool = False) -> TextLosses:
    """The loss of each of `predicted_characters`, in nats, computed while it is iterated.

    Args:
        loaded: A decoder or an encoder.
        text: As ids, or as lines.
        dynamic: Of a decoder, whether it learns the text as it reads it.
    """
    if dynamic:
        return DynamicLosses(loaded, text)
    return PerTokenLosses(evaluation_model(loaded), text, loaded.tokenizer.mask_id)


def predicted_characters(loaded: TrainedModel, text: Split) -> NDArray[np.bool_]:
    """Which of the ids of `joined(text)` have a loss: of a decoder, all but the first.

    Of an encoder, all but the last, or where the text consists of lines, all but the newlines
    that begin and end them.
    """
    ids = np.asarray(joined(text))
    if loaded.tokenizer.mask_id is None:
        return np.arange(len(ids)) > 0
    if isinstance(text, Examples):
        is_inside: NDArray[np.bool_] = ids != text.newline_id
        return is_inside
    return np.arange(len(ids)) < len(ids) - 1


def mean_loss(loaded: TrainedModel, text: Split) -> Evaluation:
    """The mean loss of N ids, or of some lines, by weights that stay as they are.

    Raises:
        DatasetError: There are fewer than two ids, or no lines.
    """
    return evaluate(evaluation_model(loaded), text, mask_id=loaded.tokenizer.mask_id)


def label_evaluation(loaded: TrainedModel, text: Split) -> LabelEvaluation:
    """How well a classifier predicts the labels of some records.

    Raises:
        DatasetError: There are none.
    """
    return evaluate_labels(evaluation_model(loaded), as_examples(text))


def pair_results(
    runs: Sequence[TrainedModel], text: Split
) -> tuple[PairEvaluation, PairExamples, list[WrittenTarget]]:
    """How well encoder-decoders write targets together, of which pairs, and what they wrote.

    Raises:
        DatasetError: There are none that fit.
        InputError: The probabilities of these runs cannot be averaged.
    """
    check_ensemble(runs)
    models = [evaluation_model(run) for run in runs]
    decoders = [model for model in models if isinstance(model, EncoderDecoder)]
    block_size = min(model.config.block_size for model in models)
    pairs = as_pairs(text).fit(block_size, "drop").by_length()
    written = list(written_targets(decoders, pairs))
    return summarize(*target_loss(decoders, pairs), written), pairs, written


def evaluation_model(loaded: TrainedModel) -> Stack:
    """The model on the fastest device, in the precision that it was trained in."""
    device = choose_device("auto")
    precision = choose_precision(loaded.config.train.precision, device)
    return MixedPrecisionModel(loaded.checkpoint.load_model(device), precision).compute
