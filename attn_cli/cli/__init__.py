"""The command line: parse, call, print. Nothing heavy is imported before it is needed."""
