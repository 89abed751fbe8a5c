"""`attn`, `python -m attn_cli`, and `torchrun -m attn_cli`: where a process begins.

Nothing is imported here but what takes no time, so that Ctrl-C is quiet from the start.
"""

import sys


def main() -> None:
    """Runs `attn`, and leaves with its exit code."""
    try:
        from attn_cli.cli.main import main as run

        run()
    except KeyboardInterrupt:  # while the commands themselves were still being read
        sys.exit(130)


if __name__ == "__main__":
    main()
