"""``tritag data``: make, check, convert and inspect jet files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tritag.commands.options import AsJson, FarmYaml, FirstJets, JetFile, Plugins, Processes, Scheduler, Split
from tritag.farm import Farm
from tritag.terminal import print_json, print_progress, print_result, print_table

Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="NAME=BRANCH",
        help="What a foreign file calls our pt, eta, phi, mass, energy (or px, py, pz), label, ...; or a YAML file.",
    ),
]

app = typer.Typer(no_args_is_help=True, help="Make, convert and inspect jet files.")


@app.command()
def make(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A name in configs/data, or a YAML file.")],
    out: Annotated[Path | None, typer.Option(help="Output file; by default one in $TRITAG_CACHE/data.")] = None,
    processes: Processes = None,
    scheduler: Scheduler = None,
    farm: FarmYaml = None,
) -> None:
    """Generate a set of jets, or find it in the cache; prints the path.

    After a kill the same command goes on from the finished parts.
    """
    where = Farm(processes, scheduler, farm)
    from tritag.pipeline.data import make_file

    print_result(str(make_file(config, out, where)))


@app.command()
def check(
    file: JetFile, n_max: FirstJets = None, split: Split = None, plugin: Plugins = None, json: AsJson = False
) -> None:
    """Compare a set with figures of public jets; exit status 1 when one is off.

    Such figures are known for top tagging and for quark and gluon jets. Other sets are shown without a verdict, and
    only the cuts they were generated with are checked.
    """
    from tritag.data.check.jets import render_rows
    from tritag.pipeline.data import check_file

    result = check_file(file, n_max, split)
    if json:
        print_json(result.as_list())
    else:
        print_table(render_rows(list(result.rows), file.name))
    if result.reference is None:
        print_progress(
            f"{file.name}: no public figures are known for the classes {', '.join(result.classes)}; only cuts and "
            "order were checked"
        )
    result.require_right()


@app.command()
def compare(
    file: JetFile,
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="The set to compare with, for example real jets.")],
    n_max: Annotated[int, typer.Option(min=200, help="Jets to read of each set.")] = 20_000,
    plugin: Plugins = None,
    json: AsJson = False,
) -> None:
    """Train a classifier to tell two sets apart, class by class: AUC 0.5 = it cannot."""
    from tritag.pipeline.data import compare_files

    results = compare_files(file, other, n_max)
    if json:
        print_json({name: asdict(result) for name, result in results.items()})
        return
    for name, result in results.items():
        print_result(
            f"{name}: AUC {result.auc:.3f} ± {result.error:.3f} with {result.n_jets} jets of each; "
            f"single features: {', '.join(result.strongest)}"
        )


@app.command()
def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A jet file of this project.")], json: AsJson = False
) -> None:
    """Print sizes, splits, settings and versions of a jet file, and verify its content digest."""
    from tritag.pipeline.data import describe_file

    facts = describe_file(file)
    info, counts = facts.info, facts.counts
    if json:
        print_json(facts.as_dict())
        return
    print_result(f"jets: {info.n_jets}, constituents: {info.n_constituents}")
    for name, (start, stop) in sorted(info.splits.items(), key=lambda item: item[1]):
        print_result(f"{name}: jets {start}:{stop}, " + ", ".join(f"{n} {kind}" for kind, n in counts[name].items()))
    print_result(f"digest: {info.digest} (verified)")
    print_result(f"seed: {info.seed}")
    for title, values in (("settings", info.settings), ("versions", info.versions)):
        print_result(f"{title}:" if values else f"{title}: none")
        for key, value in sorted(values.items()):
            print_result(f"  {key}={value}")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A jet file of any known kind.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    n_max: FirstJets = None,
    leading: Annotated[int | None, typer.Option(min=1, help="Only the leading constituents of each jet.")] = None,
    split: Annotated[str | None, typer.Option(help="What the jets count as: train, val or test.")] = None,
    names: Map = None,
    plugin: Plugins = None,
) -> None:
    """Copy jets of any known file into this project's format."""
    from tritag.data.readers.convert import convert_jets
    from tritag.data.readers.fields import parse_map

    notes: list[str] = []
    n_jets = convert_jets(
        source, target, n_max=n_max, n_leading=leading, split=split, mapping=parse_map(names or []), notes=notes
    )
    for note in notes:
        print_progress(note)
    print_result(f"{target}: {n_jets} jets")


@app.command()
def join(
    out: Annotated[Path, typer.Option(help="The file to write.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="Jet files; CLASS=FILE where all jets are of one class."),
    ] = None,
    splits: Annotated[str | None, typer.Option(help="Fractions of train, val and test: 0.8/0.1/0.1.")] = None,
    train: Annotated[
        list[str] | None, typer.Option(help="A file (CLASS=FILE) of the split train; again for more.")
    ] = None,
    val: Annotated[list[str] | None, typer.Option(help="The same of the split val.")] = None,
    test: Annotated[list[str] | None, typer.Option(help="The same of the split test.")] = None,
    classes: Annotated[
        str | None, typer.Option(help="Order of the classes: background,signal. Of two the second is the signal.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the shuffling.")] = 1,
    n_max: Annotated[int | None, typer.Option("--n-max", min=1, help="Only the first jets of each file.")] = None,
    names: Map = None,
    plugin: Plugins = None,
) -> None:
    """Join jet files into one of ours, shuffled: class by class, split by split, or cut into splits."""
    from tritag.data.readers.fields import parse_map
    from tritag.data.readers.join import join_files, parse_fractions, source_of

    by_split = {"": files, "train": train, "val": val, "test": test}
    result = join_files(
        [source_of(text, split) for split, texts in by_split.items() for text in texts or []],
        out,
        fractions=parse_fractions(splits) if splits is not None else None,
        classes=classes.split(",") if classes else (),
        mapping=parse_map(names or []),
        n_max=n_max,
        seed=seed,
    )
    for note in result.notes:
        print_progress(note)
    for name, counts in result.counts.items():
        print_result(f"{name}: {sum(counts.values())} jets, " + ", ".join(f"{n} {kind}" for kind, n in counts.items()))
    print_result(str(out))
