"""What happens inside a model, read from the trace of a real forward pass."""
