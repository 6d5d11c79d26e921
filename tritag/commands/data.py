"""``tritag data``: make, check, convert and inspect jet files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tritag.errors import CheckFailed, DataError
from tritag.terminal import print_json, print_progress, print_result

app = typer.Typer(no_args_is_help=True, help="Make, convert and inspect jet files.")

JetFile = Annotated[Path, typer.Argument(metavar="FILE", help="A jet file of any known kind.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
NMax = Annotated[int | None, typer.Option("--n-max", min=1, help="Only the first jets.")]
Split = Annotated[str | None, typer.Option(help="train, val or test.")]


@app.command()
def make(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A name in configs/data, or a YAML file.")],
    out: Annotated[Path | None, typer.Option(help="Output file; by default one in $TRITAG_CACHE/data.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes; by default one a core.")] = None,
) -> None:
    """Generate a set of jets, or find it in the cache; prints the path.

    After a kill the same command goes on from the finished parts.
    """
    from tritag.data.simulation.config import load_data_config
    from tritag.data.simulation.generate import default_path, make_data

    settings = load_data_config(config)
    print_result(str(make_data(settings, out or default_path(config, settings), processes=processes)))


@app.command()
def check(file: JetFile, n_max: NMax = None, split: Split = None, json: AsJson = False) -> None:
    """Compare a set with figures of public jets; exit status 1 when one is off.

    Such figures are known for top tagging and for quark and gluon jets. Other sets are shown without a verdict, and
    only the cuts they were generated with are checked.
    """
    from rich.console import Console

    from tritag.data.check.jets import check_set, render_rows, rows_as_json
    from tritag.data.check.reference_figures import cuts_of, targets_of
    from tritag.data.jets.store import read_info
    from tritag.data.readers.formats import is_own_file, read_any

    batch = read_any(file, n_max, split)
    rows = check_set(batch, cuts=cuts_of(read_info(file).settings) if is_own_file(file) else None)
    if json:
        print_json(rows_as_json(rows))
    else:
        Console().print(render_rows(rows, file.name))
    targets = targets_of(batch.classes)
    if targets is None:
        print_progress(
            f"{file.name}: no public figures are known for the classes {', '.join(batch.classes)}; only cuts and order "
            "were checked"
        )
    wrong = [f"{row.name} ({row.jets})" for row in rows if row.verdict == "off"]
    if wrong:
        reference = targets.source if targets else "its settings"
        judged = sum(row.verdict != "no target" for row in rows)
        raise CheckFailed(f"{len(wrong)} of {judged} figures differ from {reference}: {', '.join(wrong)}")


@app.command()
def compare(
    file: JetFile,
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="The set to compare with, for example real jets.")],
    n_max: Annotated[int, typer.Option(min=200, help="Jets to read of each set.")] = 20_000,
    json: AsJson = False,
) -> None:
    """Train a classifier to tell two sets apart, class by class: AUC 0.5 = it cannot."""
    from dataclasses import asdict

    from tritag.data.check.reference_figures import shown_classes
    from tritag.data.check.two_sample import compare_sets
    from tritag.data.readers.formats import read_any

    one, two = read_any(file, n_max), read_any(other, n_max)
    if one.classes != two.classes:
        raise DataError(
            f"sets to compare must have the same classes, got {', '.join(one.classes)} and {', '.join(two.classes)}; "
            "choose another file"
        )
    results: dict[str, Any] = {}
    for label, name in enumerate(shown_classes(one.classes)):
        result = compare_sets(one[one.label == label], two[two.label == label])
        results[name] = asdict(result)
        if not json:
            print_result(
                f"{name}: AUC {result.auc:.3f} ± {result.error:.3f} with {result.n_jets} jets of each; "
                f"single features: {', '.join(result.strongest)}"
            )
    if json:
        print_json(results)


@app.command()
def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A jet file of this project.")], json: AsJson = False
) -> None:
    """Print sizes, splits, settings and versions of a jet file, and verify its content digest."""
    from dataclasses import asdict

    from tritag.data.jets.store import read_info, read_ragged, verify_digest

    facts = read_info(file)
    verify_digest(file)
    labels = {name: read_ragged(file, split=name).label for name in facts.splits}
    counts = {
        name: {kind: int((label == i).sum()) for i, kind in enumerate(facts.classes)} for name, label in labels.items()
    }
    if json:
        print_json({**asdict(facts), "counts": counts})
        return
    print_result(f"jets: {facts.n_jets}, constituents: {facts.n_constituents}")
    for name, (start, stop) in sorted(facts.splits.items(), key=lambda item: item[1]):
        print_result(f"{name}: jets {start}:{stop}, " + ", ".join(f"{n} {kind}" for kind, n in counts[name].items()))
    print_result(f"digest: {facts.digest} (verified)")
    print_result(f"seed: {facts.seed}")
    for title, values in (("settings", facts.settings), ("versions", facts.versions)):
        print_result(f"{title}: " + (", ".join(f"{key}={value}" for key, value in sorted(values.items())) or "none"))


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A jet file of any known kind.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    n_max: NMax = None,
    leading: Annotated[int | None, typer.Option(min=1, help="Only the leading constituents of each jet.")] = None,
    split: Annotated[str | None, typer.Option(help="What the jets count as: train, val or test.")] = None,
) -> None:
    """Copy jets of any known file into this project's format."""
    from tritag.data.readers.convert import convert_jets

    n_jets = convert_jets(source, target, n_max=n_max, n_leading=leading, split=split)
    print_result(f"{target}: {n_jets} jets")
