"""Text to numbers: sources, tokenizers, corpora and batches."""
