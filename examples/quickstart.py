"""From jets to bit-exact firmware in Python: a small tagger on the sample that comes with tritag (about a minute).

For a tagger worth having leave out ``data``, ``iterations`` and ``settings``: jets are made, training takes minutes.
"""

from importlib.resources import as_file, files

import tritag

with as_file(files("tritag.data").joinpath("sample", "jets400.h5")) as sample:
    small = ["training.batch_size=64", "training.validate_every=10"]
    run = tritag.train("transformer-2k", str(sample), constituents=4, iterations=20, settings=small).run
    tritag.export(run)  # one QONNX file with golden integers
    tritag.csim(run)  # the hls4ml project, compiled, against them
    tritag.verify(run).require_equal()  # the same jets through every executor
    schedule = tritag.rtl(run, jets=0)  # pipelined Verilog; with jets it is simulated, too
    scores = tritag.score(run, tritag.read_jets(sample, split="test"), executor="csim")

print(f"{len(scores.integers)} jets, {scores.names[0]} in units of {scores.lsb}: {scores.integers[:5].ravel()} ...")
lut = schedule.settings["estimate"]["lut"]
print(f"latency {schedule.scheduled_latency_cycles} cycles (scheduled), {lut:,.0f} LUTs (estimated)")
