"""Stage `storyboard`: sheets of small pictures for the seek bar, with WebVTT and JSON that say where each one is."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.media.facts import from_json
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

JSON_NAME = "storyboard.json"
VTT_NAME = "storyboard.vtt"


def sheet_name(number: int) -> str:
    """The file name of a sheet, counted from 0."""
    return f"storyboard-{number}.jpg"


@dataclass(frozen=True)
class Storyboard:
    """No options."""

    name: ClassVar[str] = "storyboard"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """Single pictures, one after the other."""
        return Needs(cpu=1, memory_bytes=512 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Writes storyboard-0.jpg and so on, storyboard.json and storyboard.vtt (relative URIs with `#xywh=`).

        storyboard.json: `tile_width`, `tile_height` in pixels, `interval_ms`, `duration_ms`, `columns`, `rows`, and
        `tiles`, each `{start_ms, x, y, sheet}`. Returns the first three, `tiles` and `sheets` as counts, and `files`.
        """
        from vidcompute.media import sprites
        from vidcompute.media.decode import VideoReader

        source = from_json(dict(work.facts("probe")[0]))
        sheets: list[str] = []
        with VideoReader(work.path("source"), source) as reader:
            board = sprites.Storyboard(reader)
            for sheet in board.sheets(lambda done: work.progress(done / board.count)):
                sheets.append(sheet_name(sheet.number))
                (work.output / sheets[-1]).write_bytes(sprites.encode_sheet(sheet.image))
        description = board.description(sheet_name)
        (work.output / JSON_NAME).write_text(json.dumps(description))
        (work.output / VTT_NAME).write_text(sprites.web_vtt(description))
        return {
            "tile_width": board.tile_width,
            "tile_height": board.tile_height,
            "interval_ms": board.interval_ms,
            "tiles": board.count,
            "sheets": len(sheets),
            "files": [*sheets, JSON_NAME, VTT_NAME],
        }
