"""The transformer: attention, blocks, positions, key/value cache, trace."""
