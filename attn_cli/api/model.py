"""A trained model: text in; text, losses, activations and vectors out.

Shapes: N texts, T time (characters), C channels = n_embd.
"""

from __future__ import annotations

import collections
import secrets
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from attn_cli.api.arguments import (
    GenerationOptions,
    check_integers,
    check_text,
    check_texts,
    generation_config,
)
from attn_cli.api.text import Text
from attn_cli.config.schema import Config
from attn_cli.errors import InputError
from attn_cli.generation.config import check_num_samples
from attn_cli.generation.sampling import check_seed
from attn_cli.generation.selection import check_found, make_selection
from attn_cli.generation.text_generator import TextGenerator, load_text_generator
from attn_cli.runs.loaded_model import KINDS, TrainedModel
from attn_cli.text.tokenizer import Tokenizer

# torch takes a second to import, and generation on a CPU does without it.
if TYPE_CHECKING:
    from attn_cli.api.trace import Trace
    from attn_cli.generation.translation import Translation
    from attn_cli.inspection.embedding import Level, Pool
    from attn_cli.model.stack import Stack
    from attn_cli.objectives.evaluation import Evaluation, TextLosses
    from attn_cli.text.examples import Split

Prompts = list[str] | tuple[str, ...]


class Model:
    """A trained model with its vocabulary; `attn.load` makes one.

    Args:
        loaded: A checkpoint of a run.
        device: Where to generate, by torch's name for it.
    """

    def __init__(self, loaded: TrainedModel, device: str = "cpu") -> None:
        self._loaded = loaded
        self._device = device

    @property
    def config(self) -> Config:
        """Every setting that it was trained with."""
        return self._loaded.config

    @property
    def tokenizer(self) -> Tokenizer:
        """Its vocabulary: characters to ids and back."""
        return self._loaded.tokenizer

    @property
    def module(self) -> Stack:
        """The torch module, on the CPU, in fp32, in evaluation mode."""
        return self._loaded.model

    @overload
    def generate(
        self,
        prompt: str = "",
        *,
        seed: int | None = None,
        num_samples: None = None,
        **options: Unpack[GenerationOptions],
    ) -> Text: ...

    @overload
    def generate(
        self,
        prompt: Prompts,
        *,
        seed: int | None = None,
        num_samples: int | None = None,
        **options: Unpack[GenerationOptions],
    ) -> list[Text]: ...

    @overload
    def generate(
        self,
        prompt: str = "",
        *,
        seed: int | None = None,
        num_samples: int,
        **options: Unpack[GenerationOptions],
    ) -> list[Text]: ...

    def generate(
        self,
        prompt: str | Prompts = "",
        *,
        seed: int | None = None,
        num_samples: int | None = None,
        **options: Unpack[GenerationOptions],
    ) -> Text | list[Text]:
        """Continues a prompt, as `attn generate` does with the same options.

        Args:
            prompt: What to continue; several become one batch.
            seed: Same seed, same text; sample k has seed + k - 1. None for a new one.
            num_samples: How many texts to generate per prompt.
            options: See `GenerationOptions`.

        Returns:
            A text; a list of them where there are several prompts, or `num_samples` is given:
            all of the first prompt, then all of the second.

        Raises:
            InputError: The prompt has unknown characters, or an option cannot be used.
            OperationError: Fewer texts than `num_samples` are `new` or `unique`.
        """
        prompts = (prompt,) if isinstance(prompt, str) else prompt
        check_texts("prompt", prompts)
        check_integers(seed=seed, num_samples=num_samples)
        config = generation_config(self.config.sample.model_dump(), options, seed)
        count = 1 if num_samples is None else num_samples
        check_num_samples(count, config.num_beams)
        if config.num_beams > 1:
            found = [self._generator.beam_search(each, config)[:count] for each in prompts]
            generated = [text for of_prompt in found for text in of_prompt]
        else:
            selection = make_selection(self._loaded, config, prompts)
            streams = self._generator.sample(
                prompts, _seed(seed), count, config, selection, log_probs=True
            )
            generated = [stream.result() for stream in streams]
            check_found(len(generated), count * len(prompts))
        texts = [Text(each, self.tokenizer) for each in generated]
        return texts[0] if isinstance(prompt, str) and num_samples is None else texts

    def translate(
        self,
        sources: Prompts,
        *,
        seed: int | None = None,
        num_samples: int = 1,
        **options: Unpack[GenerationOptions],
    ) -> list[Translation]:
        """What an encoder-decoder writes for N sources, as `attn generate` does.

        Args:
            sources: Each as on the command line, with its features behind a tab.
            seed: Of the first target of each source, where they are sampled; None for a new one.
            num_samples: How many targets of each source; more than one are the best ones of
                `num_beams`, or are sampled.
            options: See `GenerationOptions`; the most probable characters are written, unless
                one of them is of sampling, as `temperature` or `top_k`.

        Returns:
            N of them, in order: a `source`, and its `targets`, each with `text`, `log_prob`
            (natural, of all of it with its end), `score` (its mean over the symbols), `ids`,
            `seed` and `finish_reason`.

        Raises:
            InputError: The model is no encoder-decoder, a source does not fit it, or an option
                cannot be used.
        """
        from attn_cli.generation.translation import Translator, target_defaults

        check_texts("sources", sources)
        check_integers(seed=seed, num_samples=num_samples)
        self._loaded.require("seq2seq", "`translate`")
        given = [name for name, value in options.items() if value is not None]
        defaults = target_defaults(given, self.config.model.block_size)
        config = generation_config(defaults, options, seed)
        check_num_samples(num_samples, config.num_beams)
        translator = Translator([self._loaded], self._device)
        return list(translator.translate(sources, config, num_samples, _seed(seed)))

    def stream(
        self, prompt: str = "", *, seed: int | None = None, **options: Unpack[GenerationOptions]
    ) -> Iterator[str]:
        """The continuation of a prompt, piece by piece as it is generated.

        Args:
            prompt: What to continue; it is not repeated.
            seed: Same seed, same text; None for a new one.
            options: See `GenerationOptions`; not `num_beams`, `new` or `unique`.

        Raises:
            InputError: The prompt has unknown characters, or an option cannot be used.
        """
        check_text("prompt", prompt)
        check_integers(seed=seed)
        config = generation_config(self.config.sample.model_dump(), options, seed)
        if config.new or config.unique:
            raise InputError("`new` and `unique` choose among whole texts: use `generate`")
        (stream,) = self._generator.stream([prompt], [_seed(seed)], config)
        return filter(None, stream)

    def loss(self, text: str | None = None, *, dynamic: bool = False) -> Evaluation:
        """How well the model predicts a text, measured as `attn evaluate` does.

        The text is cut into windows of `block_size`; its first character is not predicted. A
        model of lines predicts each line by itself, with its end.

        Args:
            text: At least two characters; None for the run's own validation split.
            dynamic: Of a decoder, whether it learns the text as it reads it (dynamic evaluation):
                some characters are predicted, then a copy of the model takes a step on them.

        Returns:
            Its `loss` in nats per character, `bits_per_char`, `perplexity`, `chars`, and the
            `standard_error` of the loss.

        Raises:
            InputError: The text has unknown characters, or is too short or missing; or `dynamic`
                was asked of another model than a decoder.
        """
        from attn_cli.objectives.evaluation import evaluate

        if dynamic:
            losses = self._losses(text, dynamic)
            collections.deque(losses, maxlen=0)
            return losses.evaluation()
        model = self._evaluated  # which refuses a model of other tasks
        return evaluate(model, self._as_split(text), mask_id=self.tokenizer.mask_id)

    def token_losses(self, text: str, *, dynamic: bool = False) -> NDArray[np.float32]:
        """The loss of each token of a text but the first, (T - 1,), in nats.

        A token is a character, or a byte with a vocabulary of bytes. The mean is `loss(text)`. A
        model of lines predicts all tokens, and a newline after each line. An encoder predicts all
        tokens but the last, or those of lines without their ends.

        Args:
            text: As of `loss`.
            dynamic: As of `loss`.

        Raises:
            InputError: The text has unknown characters, or `dynamic` was asked of another model
                than a decoder.
        """
        losses = self._losses(text, dynamic)
        return np.concatenate([np.zeros(0, np.float32), *losses])

    def trace(self, text: str, target: str | None = None, *, mask: bool = True) -> Trace:
        """Every tensor of a forward pass over a text, as NumPy arrays by name.

        Args:
            text: At most `block_size` characters; an empty one is the beginning of a document.
                Of an encoder-decoder, a source.
            target: Of an encoder-decoder, the target; None for the one that it writes.
            mask: Of a decoder, False takes the causal mask away: each character sees also those
                that come after it. The rows of `attention` still sum to 1; its predictions mean
                nothing, since the model was never trained so.

        Returns:
            The trace; of an encoder-decoder a `PairTrace`, which has `cross_attention` besides.

        Raises:
            InputError: The text or the target is too long, or has unknown characters; or the model
                is no encoder-decoder and there is a target, or no decoder and `mask` is False.
        """
        from attn_cli.api.trace import PairTrace, Trace
        from attn_cli.inspection.forward_pass import forward_pass
        from attn_cli.inspection.pair_pass import pair_pass

        check_text("text", text)
        symbols = self._loaded.symbols
        if target is not None:
            check_text("target", target)
            self._loaded.require("seq2seq", "`target`")
        if not mask:
            self._loaded.require("lm", "`mask` False")
        if self.config.task == "seq2seq":
            forward = pair_pass(self._loaded, text, target)
            texts = (forward.ids, forward.source_ids, forward.target_ids)
            return PairTrace(forward, *(tuple(symbols(ids)) for ids in texts))
        ids = self._loaded.encode_prompt(text)
        return Trace(forward_pass(self.module, ids, mask=mask), tuple(symbols(ids)))

    @overload
    def embed(
        self,
        texts: Prompts,
        *,
        level: Literal["text"] = "text",
        layer: int | None = None,
        pool: Pool | None = None,
    ) -> NDArray[np.float32]: ...

    @overload
    def embed(
        self, texts: Prompts, *, level: Literal["char"], layer: int | None = None
    ) -> list[NDArray[np.float32]]: ...

    def embed(
        self,
        texts: Prompts,
        *,
        level: Level = "text",
        layer: int | None = None,
        pool: Pool | None = None,
    ) -> NDArray[np.float32] | list[NDArray[np.float32]]:
        """The vectors of N texts, as `attn embed` computes them: the model's hidden states.

        Args:
            texts: Each of at most `block_size` characters, or one less for a model of lines.
            level: `text` for a vector for each text, `char` for one for each of its characters.
            layer: After which block, from 1; 0 for before the first. None for after the last
                block and the final norm.
            pool: How the vectors of a text's T characters become one: `mean`, which is the
                default; `last`, the only one that has seen all of the text where attention is
                causal; or `max`, of each channel.

        Returns:
            (N, C); with level `char` a list of N arrays (T, C).

        Raises:
            InputError: A text is too long or has unknown characters, or there is no such level,
                layer or pool.
        """
        from attn_cli.inspection.embedding import Embedder

        check_texts("texts", texts)
        embedder = Embedder(self._loaded, level, layer, pool)
        vectors = embedder([self._ids(index, text) for index, text in enumerate(texts)])
        if level == "char":
            return vectors
        return np.array(vectors, np.float32).reshape(len(texts), self.config.model.n_embd)

    def classify(self, texts: Prompts) -> list[dict[str, float]]:
        """The probability of each label for each of N texts, the most probable label first.

        Args:
            texts: Line breaks become spaces, and blanks at the end are dropped, as in training;
                what does not fit into `block_size` is cut.

        Raises:
            InputError: The model is no classifier.
            DatasetError: A text has unknown characters, and `data.unknown` is "error".
        """
        from attn_cli.generation.classify import classify_texts
        from attn_cli.runs.text_encoder import TextEncoder

        check_texts("texts", texts)
        self._loaded.require("classify", "`classify`")
        encode = TextEncoder(self._loaded, "`texts`")
        found = classify_texts(self._loaded, texts, encode) if texts else ()
        return [dict(each.most_probable(len(each.labels))) for each in found]

    def __repr__(self) -> str:
        return f"<Model of {self._loaded.description}>"

    @cached_property
    def _generator(self) -> TextGenerator:
        if self.config.task == "seq2seq":
            raise InputError(
                f"{self._loaded.description}, is {KINDS['seq2seq'][0]}",
                "use `translate`, which takes a list of sources",
            )
        return load_text_generator(self._loaded, self._device)

    @cached_property
    def _evaluated(self) -> Stack:
        from attn_cli.inspection.token_losses import evaluation_model

        self._loaded.require(("lm", "mlm"), "the loss of a text")
        return evaluation_model(self._loaded)

    def _losses(self, text: str | None, dynamic: bool) -> TextLosses:
        from attn_cli.objectives.evaluation import PerTokenLosses
        from attn_cli.training.dynamic_evaluation import DynamicLosses

        if dynamic:
            self._loaded.require("lm", "`dynamic`")
            return DynamicLosses(self._loaded, self._as_split(text))
        model = self._evaluated  # which refuses a model of other tasks
        return PerTokenLosses(model, self._as_split(text), self.tokenizer.mask_id)

    def _ids(self, index: int, text: str) -> tuple[int, ...]:
        """The ids of one of some texts; none of an empty one."""
        begin = len(self._loaded.line_beginning)
        try:
            return self._loaded.encode_prompt(text)[begin:] if text else ()
        except InputError as error:
            raise type(error)(f"`texts[{index}]`: {error.message}", error.hint) from None

    def _as_split(self, text: str | None) -> Split:
        """A text as the model reads it; the run's own validation split where it is None."""
        if text is None:
            return self._loaded.corpus().validation
        check_text("text", text)
        return self._loaded.as_split(self.tokenizer.encode(text, unknown="error"))


def _seed(seed: int | None) -> int:
    """A seed that was given, checked, or a new one."""
    if seed is None:
        return secrets.randbelow(2**31)
    check_seed(seed)
    return seed
