"""Write down what the shipped page was compiled from, so that a test without npm can tell when it is stale."""

import hashlib
import json
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "src" / "mereq" / "web" / "page"
STEERING = PAGE.parent / "devices" / "steering.json"


def sums() -> dict[str, str]:
    """Checksums of the sources and of what they were compiled to."""
    files = [*sorted((HERE / "src").glob("*.ts")), STEERING, HERE / "package-lock.json", PAGE / "page.js"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


if __name__ == "__main__":
    (HERE / "compiled.json").write_text(json.dumps(sums(), indent=1) + "\n")
