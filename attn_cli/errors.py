"""What can go wrong for a user, as a small tree.

Every error that a user can cause or meet is an `AttnError`: one line that says
what is wrong and where, and a hint that says what to do about it.
The command line prints both and leaves with `exit_code`; anything else that
escapes is a defect of this program.
"""


class AttnError(Exception):
    """What is wrong, in one line, and what to do about it.

    Args:
        message: What is wrong and where, in one line without a full stop.
        hint: What to do about it, in one line.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        # What users gave may be in it: a file's name can have a newline.
        message = message.replace("\n", "\\n")
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(AttnError):
    """What the user gave cannot be used: the command has to change."""

    exit_code = 2


class ConfigError(InputError):
    """A configuration, or one of its values, is wrong."""


class DatasetError(InputError):
    """A text to train on or to evaluate cannot be used."""


class PromptError(InputError):
    """A prompt has characters that the model does not know."""


class CheckpointError(InputError):
    """A run or one of its checkpoints is missing or damaged."""


class DeviceError(InputError):
    """The device that was asked for is not on this machine."""


class MissingExtraError(InputError):
    """What was asked for needs a package that is not installed.

    Args:
        what: What needs it.
        package: The package.
    """

    def __init__(self, what: str, package: str) -> None:
        super().__init__(
            f"{what} needs the package {package}, which is not installed",
            f"python -m pip install {package}",
        )


class OperationError(AttnError):
    """Something failed while the command ran: disk, memory, network."""
