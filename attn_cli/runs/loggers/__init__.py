"""Where else the metrics of a run go: one file a library."""
