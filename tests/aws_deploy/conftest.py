from pathlib import Path

import pytest

from aws_deploy.project import make_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a listener that is to run on AWS."""
    return make_project(tmp_path_factory.mktemp("project") / "library")
