"""From a prompt to text: two models behind one interface, sampling, constraints, beam search."""
