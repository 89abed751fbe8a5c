"""The public Python interface; `import attn_cli as attn` offers it."""
