from pathlib import Path

import pytest

from tests.media.pictures.local_work import Studio


@pytest.fixture
def studio(ffmpeg: str, tmp_path: Path) -> Studio:
    """Runs picture stages on clips."""
    return Studio(ffmpeg, tmp_path)
