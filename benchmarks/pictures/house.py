"""The structure of the package: rooms, their sizes, who imports whom, and circles; as a table and as a picture.

    python benchmarks/pictures/house.py
    python benchmarks/pictures/house.py --root OLD_CHECKOUT/src --out before.png

A room is a package directly below `mereq`, or a module there. Imports are counted between modules, as grimp (which
import-linter uses) finds them; nothing is run. Arrows lead from the importing room; those against the order are red.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import grimp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import networkx  # noqa: E402

PACKAGE = "mereq"


class House:
    """Rooms of a package below `root`, with lines of code and imports between them."""

    def __init__(self, root: Path):
        sys.path.insert(0, str(root))
        self.modules = grimp.build_graph(PACKAGE, cache_dir=None)
        self.lines = Counter[str]()
        for file in (root / PACKAGE).rglob("*.py"):
            self.lines[self._room(file.relative_to(root / PACKAGE))] += len(file.read_text().splitlines())
        self.imports = Counter[tuple[str, str]]()
        for module in self.modules.modules:
            for imported in self.modules.find_modules_directly_imported_by(module):
                pair = self._room_of(module), self._room_of(imported)
                if pair[0] != pair[1] and "" not in pair:
                    self.imports[pair] += 1

    def circles(self) -> list[set[str]]:
        """Rooms that import each other, directly or over others."""
        graph = networkx.DiGraph(list(self.imports))
        return [found for found in networkx.strongly_connected_components(graph) if len(found) > 1]

    def floors(self) -> list[list[str]]:
        """Rooms by their height: each imports only rooms below its own."""
        graph = networkx.DiGraph(list(self.imports))
        graph.add_nodes_from(room for room in self.lines if room)
        condensed = networkx.condensation(graph)
        height: dict[int, int] = {}
        for node in reversed(list(networkx.topological_sort(condensed))):
            height[node] = 1 + max((height[below] for below in condensed.successors(node)), default=-1)
        floors: list[list[str]] = [[] for _ in range(max(height.values()) + 1)]
        for node, level in height.items():
            floors[level] += sorted(condensed.nodes[node]["members"])
        return floors

    def _room_of(self, module: str) -> str:
        parts = module.split(".")
        return parts[1] if len(parts) > 1 else ""

    def _room(self, file: Path) -> str:
        return file.parts[0].removesuffix(".py") if file.parts[0] != "__init__.py" else ""


def table(house: House) -> str:
    """Rooms by their size."""
    total = sum(house.lines.values())
    lines = [f"{'room':16}{'lines':>7}{'share':>7}"]
    lines += [f"{room or '(top)':16}{n:7}{n / total:7.0%}" for room, n in house.lines.most_common()]
    files = len(house.modules.modules)
    lines.append(f"{files} modules, {total} lines, {len(house.imports)} pairs of rooms, {house.circles() or 'no'} circles")
    return "\n".join(lines)


def draw(house: House, out: Path) -> None:
    """A picture: rooms on their floors, areas by lines of code, arrows as wide as they have imports."""
    floors = house.floors()
    places = {
        room: ((index + 0.5) / len(floor), level) for level, floor in enumerate(floors) for index, room in enumerate(floor)
    }
    figure, axes = plt.subplots(figsize=(10, 0.9 * len(floors) + 1))
    for (above, below), n in house.imports.items():
        (x, y), (u, v) = places[above], places[below]
        style = {"color": "firebrick" if v >= y else "0.75", "lw": 0.4 + 0.08 * n, "shrinkA": 8, "shrinkB": 8}
        axes.annotate("", (u, v), (x, y), arrowprops={"arrowstyle": "->", "connectionstyle": "arc3,rad=0.06"} | style)
    for room, (x, y) in places.items():
        axes.scatter(x, y, s=house.lines[room] / 2, color="tab:blue", alpha=0.5, zorder=2)
        axes.text(x, y, f"{room}\n{house.lines[room]}", ha="center", va="center", fontsize=8, zorder=3)
    axes.set_axis_off()
    axes.margins(0.08)
    figure.savefig(out, dpi=110, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2] / "src", help="folder of the package")
    parser.add_argument("--out", type=Path, default=Path("docs/images/house.png"))
    options = parser.parse_args()
    house = House(options.root.resolve())
    print(table(house))
    draw(house, options.out)
    print(options.out)


if __name__ == "__main__":
    main()
