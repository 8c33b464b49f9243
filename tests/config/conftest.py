from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from almahook.config import Settings, load_settings


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Settings]:
    """Load settings from the text of a file, an environment and explicit values."""

    def load_text(
        text: str, environment: Mapping[str, str] | None = None, **given: Any
    ) -> Settings:
        file = tmp_path / "almahook.toml"
        file.write_text(text, encoding="utf-8")
        return load_settings(file, environment=environment or {}, **given)

    return load_text
