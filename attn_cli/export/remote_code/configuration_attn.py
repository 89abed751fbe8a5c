"""GPT-2 and Qwen3 with embeddings of n-grams: their configurations.

What config.json has beside the options of GPT-2 or Qwen3:

    ngrams         N lengths: how many characters each kind of n-gram has
    ngram_rows     the most rows of each length
    ngram_embd     E, the width of a row
    ngram_dropout  probability that an n-gram is left out, in training
    ngram_sizes    N numbers: how many rows each length has
    ngram_factors  N × n numbers: what each character counts in the hash, the last one first
"""

from transformers import GPT2Config, Qwen3Config


class AttnGPT2Config(GPT2Config):
    """The configuration of `AttnGPT2LMHeadModel`."""

    model_type = "attn_gpt2"


class AttnQwen3Config(Qwen3Config):
    """The configuration of `AttnQwen3ForCausalLM`."""

    model_type = "attn_qwen3"
