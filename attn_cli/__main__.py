"""`python -m attn_cli`, for `torchrun -m` and for machines where scripts are not on the path."""

from attn_cli.cli.main import main

if __name__ == "__main__":
    main()
