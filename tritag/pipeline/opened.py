"""A run that is open: its directory, the recipe it was trained with, and the tagger with its weights.

Opening is quick. PyTorch is imported when the recipe or the tagger is asked for, so that a wrong name is answered at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar

from tritag import advice
from tritag.configs import build
from tritag.errors import RunError
from tritag.files import JsonObject, write_json
from tritag.helper_files import only_one
from tritag.pipeline import fingerprint
from tritag.pipeline.plugins import load_plugins
from tritag.pipeline.run_files import MetricsFile
from tritag.run import Run, Suits
from tritag.zoo import is_zoo, lasting_name

if TYPE_CHECKING:
    from tritag.models.layers.tagger import Tagger
    from tritag.quant.recipe import Recipe


@dataclass(frozen=True)
class OpenedRun:
    """A run directory and what its settings say.

    Attributes
    ----------
    run : Run
        The directory with its files.
    """

    run: Run

    @property
    def directory(self) -> Path:
        """Path of the run directory."""
        return self.run.directory

    @property
    def name(self) -> str:
        """Name of the run directory, which names the run."""
        return self.run.directory.name

    @property
    def imported(self) -> bool:
        """Whether the run was made of somebody's ONNX file (``tritag import``), and not trained."""
        return "import" in self.run.config

    @cached_property
    def recipe(self) -> Recipe:
        """Everything that decided about the weights: tagger, jets, precision, trainings.

        Raises
        ------
        ConfigError
            Another version of tritag wrote settings that this one does not know, or the run's copy of a plug-in is
            damaged.
        RunError
            The run was imported: it has no training.
        """
        self._require_training()
        from tritag.quant.recipe import Recipe

        load_plugins(self.run)
        return build(Recipe, self.run.config, where="config.yaml")

    def tagger(self) -> Tagger:
        """The trained tagger in evaluation mode, made anew with every call.

        Raises
        ------
        RunError
            The run is not trained to its end, or something that it was made of has changed since.
        """
        self._require_training()
        weights = self.run.require("weights.safetensors")
        fingerprint.check(self.run, ("weights.safetensors",), jets=False)
        from tritag.quant.recipe import trained_tagger

        return trained_tagger(self.recipe, weights, self.run.again(weights.name))

    def _require_training(self) -> None:
        if self.imported:
            raise RunError(f"this needs a run that tritag trained, got {self.name}, which `tritag import` made")

    def metrics(self) -> MetricsFile:
        """Figures and origin of the run, from ``metrics.json``.

        Raises
        ------
        RunError
            The run is not trained to its end.
        """
        metrics: MetricsFile = self.run.read_json("metrics.json")
        return metrics

    def float_run(self) -> OpenedRun | None:
        """The float run that a quantized training started from; None of a float run.

        Raises
        ------
        RunError
            The run is not trained to its end, or the float run is gone or has other weights since.
        """
        name = self.metrics()["float_run"]
        if name is None:
            return None
        directory = self.directory.parent / name
        if not directory.is_dir() and is_zoo(entry := lasting_name(name)):
            return OpenedRun(Run.open(entry))
        if not (directory / "config.yaml").is_file():
            raise RunError(
                f"{self.name} needs the float run that it began with, {name}, which must be in {directory.parent}; put "
                f"it back, or train again with {advice.training(self.run.call(), again=True)}"
            )
        fingerprint.check_float(self.run)
        return OpenedRun(Run.open(directory))


RunLike: TypeAlias = OpenedRun | Run | Path | str


def open_run(where: RunLike, needs: Sequence[str] = (), *, jets: bool = True, suits: Suits | None = None) -> OpenedRun:
    """Open a run by name or path; one that is open already is taken as it is.

    Parameters
    ----------
    where : OpenedRun, Run, Path or str
        A run directory, or the beginning of its name under the runs folder, which finds the newest such run that has
        what is needed.
    needs : sequence of str
        Files of the run that must be there, and be made of what is there now (:mod:`tritag.pipeline.fingerprint`).
    jets : bool
        The run's own jets must be those that it was trained with, where they are on this machine.
    suits : callable, optional
        Whether a run's settings are of the wanted kind: a name means the newest such run, if there is one.

    Raises
    ------
    RunError
        No such run (the nearest names are offered), a run that was damaged or edited, a file of ``needs`` that is
        missing (the message holds the command that makes it), or something that has changed since they were made.
    """
    if isinstance(where, OpenedRun | Run):
        opened = where if isinstance(where, OpenedRun) else OpenedRun(where)
        for filename in needs:
            opened.run.require(filename)
    else:
        opened = OpenedRun(Run.open(where, needs, suits))
    if needs:
        fingerprint.check(opened.run, needs, jets)
    return opened


def is_quantized(config: Mapping[str, object]) -> bool:
    """Whether a run's settings are those of a quantized tagger."""
    return config.get("quant") is not None


def is_exact(config: Mapping[str, object]) -> bool:
    """Whether a run's settings are those of a quantized tagger with an exact form in firmware."""
    quant = config.get("quant")
    return isinstance(quant, Mapping) and quant.get("activations", "static") == "static"


Params = ParamSpec("Params")
Result = TypeVar("Result")


@contextmanager
def writing(run: Run) -> Iterator[None]:
    """Be the only one that writes into a run while the block runs: another one waits, and says so.

    Raises
    ------
    RunError
        The run was removed meanwhile, so that the result is gone.
    """
    with only_one(run.directory / "steps"):
        yield
        if not run.path("config.yaml").is_file():
            raise RunError(f"{run.directory} must stay until the step is done, but was removed; train again")


def one_writer(
    step: Callable[Concatenate[OpenedRun, Params], Result],
) -> Callable[Concatenate[OpenedRun, Params], Result]:
    """Let a step be the only one that writes into its run: another one waits until it is done.

    Raises
    ------
    RunError
        The run was removed while the step worked on it, so that its result is gone.
    """

    @wraps(step)
    def alone(opened: OpenedRun, *arguments: Params.args, **named: Params.kwargs) -> Result:
        with writing(opened.run):
            return step(opened, *arguments, **named)

    return alone


class Measurement(Protocol):
    """A result that a run keeps as JSON."""

    def as_dict(self) -> JsonObject:
        """Content of the file."""


Measured = TypeVar("Measured", bound=Measurement)


def measured(opened: OpenedRun, name: str, jets: Path | None, measure: Callable[[], Measured]) -> Measured:
    """Result of ``measure``: of the run's own jets it is written into the run as ``name``, of a file nothing is.

    Raises
    ------
    RunError
        The run was removed meanwhile.
    """
    if jets is not None:
        return measure()
    with writing(opened.run):
        result = measure()
        write_json(opened.run.path(name), result.as_dict())
        return result
