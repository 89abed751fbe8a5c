"""From a prompt to text: the engine that writes, and the controls that choose."""
