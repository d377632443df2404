"""Checksums of the page's sources and of what was built from them: a test without npm can tell when it is stale."""

import hashlib
import json
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "src" / "mereq" / "web" / "page"
FILES = ("package.json", "package-lock.json", "message_types.json")
STEERING = PAGE.parent / "devices" / "steering.json"


def sums() -> dict[str, str]:
    """Checksums of the sources and of what was built from them."""
    files = [*sorted((HERE / "src").glob("*.ts")), STEERING, *(HERE / name for name in FILES), PAGE / "page.js"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


if __name__ == "__main__":
    (HERE / "compiled.json").write_text(json.dumps(sums(), indent=1) + "\n")
