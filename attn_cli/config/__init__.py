"""The configuration of a run: schema, YAML files, presets and differences."""
