"""Ways to damage a file: bytes of any file, and the structure of JSON and YAML."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import yaml

HUGE = (2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**9, 10**30, 10**400, 1e30, -1e-300, float("nan"), float("inf"), "", "x" * 300),
    *(
        "x" * 100_000,
        "[/x]",
        "\x1b[31mred",
        "../../x",
        "1e999",
        "1e999999999",
        "1/0",
        "2**-9999999",
        "nan",
        "ö\u2028",
        "<b>",
        "#",
    ),
    *("1e999999999", "1/0", "2**-9999999", "pi/" + "9" * 400),
    *([], {}, [[]], {"a": {"b": []}}, [1] * 1000),
)


def flip_bits(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 1, 1, 4, 32))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def truncate(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def swap_blocks(data: bytearray, rng: random.Random) -> bytearray:
    size = rng.choice((4, 16, 64, 512))
    if len(data) > 2 * size:
        a, b = (rng.randrange(len(data) - size) for _ in range(2))
        data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]
    return data


def remove_or_repeat(data: bytearray, rng: random.Random) -> bytearray:
    start = rng.randrange(len(data) + 1)
    part = data[start : start + rng.choice((1, 8, 100, 2000))]
    rest = data[start + len(part) :]
    return data[:start] + (part * rng.choice((0, 2, 3))) + rest


def blank(data: bytearray, rng: random.Random) -> bytearray:
    start, size = rng.randrange(len(data) + 1), rng.choice((1, 4, 8, 64, 1000))
    end = min(start + size, len(data))
    data[start:end] = bytes([rng.choice((0, 255, 32))]) * (end - start)
    return data


def grow_integer(data: bytearray, rng: random.Random) -> bytearray:
    """A number of 4 or 8 bytes becomes a huge one; more often where a small one stands."""
    size = rng.choice((4, 8))
    order = rng.choice(("little", "big"))
    for _ in range(40):
        if len(data) <= size:
            return data
        at = rng.randrange(len(data) - size)
        if int.from_bytes(data[at : at + size], order) < 1 << 20 or rng.random() < 0.05:
            data[at : at + size] = (rng.choice(HUGE) % (1 << 8 * size)).to_bytes(size, order)
            return data
    return data


def grow_digits(data: bytearray, rng: random.Random) -> bytearray:
    """A number in the text becomes a huge one."""
    found = list(re.finditer(rb"\d+", data))
    if found:
        match = rng.choice(found)
        data[match.start() : match.end()] = rng.choice((b"1000000000", b"1e30", b"-1", b"18446744073709551615", b"0"))
    return data


def insert_noise(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) + 1)
    noise = rng.choice(
        (b"\xff\xfe", b"\x00", b"[" * 3000, b"\x1b[31m", b"{", b"- " * 500, b"[/x]", b"\xc3", b"&a [*a]")
    )
    return data[:at] + noise + data[at:]


BYTES: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    *(flip_bits, truncate, swap_blocks, remove_or_repeat, blank, grow_integer, grow_digits, insert_noise),
)


def mutate_json(data: bytearray, rng: random.Random) -> bytearray:
    return bytearray(json.dumps(_changed(json.loads(data), rng)).encode())


def mutate_yaml(data: bytearray, rng: random.Random) -> bytearray:
    loaded = yaml.safe_load(bytes(data))
    kind = rng.randrange(8)
    if kind == 0 and isinstance(loaded, dict):  # a key twice
        key = rng.choice(list(loaded))
        return data + b"\n" + json.dumps({key: rng.choice(ODD_VALUES)})[1:-1].encode()
    if kind == 1:  # a bomb of aliases
        levels = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]" for i in range(9))
        return bytearray(levels.encode()) + b"\n" + data.replace(b": ", b": *a8\nx: ", 1)
    return bytearray(json.dumps(_changed(loaded, rng), indent=1).encode())


def _changed(value: Any, rng: random.Random) -> Any:
    """The value with one place of it changed, dropped, nested or renamed."""
    places = list(_places(value))
    if not places:
        return rng.choice(ODD_VALUES)
    holder, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = [holder[key]]
    elif kind == 2:
        for _ in range(rng.choice((30, 100, 400))):
            holder[key] = [holder[key]]
    elif kind == 3 and isinstance(holder, dict):
        holder[rng.choice(("", "x" * 300, "[/x]", f"{key}x", "\x1b[2J"))] = holder.pop(key)
    else:
        holder[key] = rng.choice(ODD_VALUES)
    return value


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(items):
        yield value, key
        yield from _places(child)


def mutate(name: str, content: bytes, rng: random.Random) -> bytes:
    """One damaged form of a file; ``name`` tells by its ending whether its structure can be changed."""
    data = bytearray(content)
    structured = {"json": mutate_json, "yaml": mutate_yaml}.get(name.rpartition(".")[2])
    if structured and rng.random() < 0.5:
        return bytes(structured(data, rng))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(BYTES)(data, rng)
    return bytes(data)
