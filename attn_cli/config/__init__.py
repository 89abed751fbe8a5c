"""What a run is made of: the sections of a YAML file, their checks and their errors."""
