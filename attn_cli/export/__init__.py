"""A trained model in the formats of other tools, and back: Hugging Face, GGUF, ONNX."""
