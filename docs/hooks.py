"""mkdocs: shows the pictures of docs/layers.md, which the package has."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

LAYERS = Path(__file__).parents[1] / "dream" / "layers"


def on_files(files: Files, config: Any) -> Files:
    """Add the pictures."""
    for picture in LAYERS.glob("*.jpg"):
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Refer to them, and to other files of the repository by their names alone."""
    shown = markdown.replace("../dream/layers/", "pictures/")
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]+\)", r"\1", shown)
