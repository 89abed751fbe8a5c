"""The errors that a user can cause or meet, as a small tree.

Each is an `AttnError`: one line that says what is wrong and where, and a hint that says
what to do about it. The command line prints both and exits with `exit_code`; anything
else that escapes is a bug in this program.
"""


class AttnError(Exception):
    """Something that a user can put right.

    Args:
        message: What is wrong and where, in one line without a full stop.
        hint: What to do about it, in one line.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        # It may quote what users gave: a file's name can have a newline.
        message = message.replace("\n", "\\n")
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(hint)  # Python shows it below the message


class InputError(AttnError):
    """What the user gave cannot be used: the command has to change."""

    exit_code = 2


class ConfigError(InputError):
    """A configuration, or one of its values, is wrong."""


class DatasetError(InputError):
    """A text to train or evaluate on cannot be used."""


class PromptError(InputError):
    """A prompt has characters outside the model's vocabulary."""


class CheckpointError(InputError):
    """A run or one of its checkpoints is missing or damaged."""


class DeviceError(InputError):
    """The requested device is not on this machine."""


class MissingPackageError(InputError):
    """A feature needs a package that is not installed; see `require_package`."""


class OperationError(AttnError):
    """Something failed while the command ran: disk, memory, network."""
