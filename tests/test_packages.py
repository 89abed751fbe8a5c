import sys

import pytest

from attn_cli.errors import MissingPackageError
from attn_cli.packages import require_package


def test_installed_packages_are_accepted_without_an_import() -> None:
    already = set(sys.modules)
    require_package("reading mail", "mailbox", "email.mime.audio")
    assert "mailbox" not in set(sys.modules) - already


@pytest.mark.parametrize(
    ("packages", "message", "command"),
    [
        (("json", "nowhere"), "X needs the package nowhere, which is", "pip install nowhere"),
        (("no.where", "nowhere"), "packages no.where and nowhere, which are", "no.where nowhere"),
    ],
)
def test_missing_ones_are_named_with_the_command_that_installs_them(
    packages: tuple[str, ...], message: str, command: str
) -> None:
    with pytest.raises(MissingPackageError, match=message) as caught:
        require_package("X", *packages)
    assert caught.value.hint is not None
    assert caught.value.hint.endswith(command)
