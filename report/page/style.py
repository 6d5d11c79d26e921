"""The style sheet of the page. The colours' names are those of report/plots/style.py."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --card: #f6f6f8; --ink: #1b1b1d; --soft: #55555c; --faint: #c9c9ce;
  --blue: #0072b2; --orange: #c14f00; --green: #008560; --pink: #b0568a; --grey: #77777e; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #151517; --card: #202024; --ink: #ececf0; --soft: #a9a9b2;
  --faint: #44444b; --blue: #5cb3e8; --orange: #ff9b54; --green: #3fd0a3; --pink: #e8a2cb; --grey: #a0a0a8;
  --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 74rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.35rem; overflow-wrap: anywhere; margin: 0 0 .3rem; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
.lead { color: var(--soft); max-width: 60rem; margin: 0 0 1.4rem; }
.tiles { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); }
.tile { background: var(--card); border-radius: .6rem; padding: .9rem 1.1rem; border-left: .3rem solid var(--faint); }
.tile.good { border-color: var(--green); } .tile.bad { border-color: var(--bad); }
.tile h2 { font-size: .85rem; font-weight: 600; color: var(--soft); margin: 0; }
.tile .main { font-size: 1.5rem; font-weight: 650; margin: .1rem 0; } .tile p { margin: .15rem 0; font-size: .9rem; }
.figures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); }
figure { margin: 0; background: var(--card); border-radius: .6rem; padding: .9rem; min-width: 0; }
figure.wide { grid-column: 1 / -1; } figure.wide svg { min-width: 44rem; }
figure h3 { margin: 0 0 .3rem; font-size: 1rem; }
figure svg { width: 100%; height: auto; display: block; font-family: system-ui, sans-serif; }
figcaption { font-size: .88rem; color: var(--soft); margin-top: .4rem; }
figcaption, p { overflow-wrap: anywhere; }
details { margin: .8rem 0; background: var(--card); border-radius: .6rem; padding: .6rem 1rem; }
summary { cursor: pointer; font-weight: 600; } summary:focus-visible { outline: 2px solid var(--blue); }
.scroll { overflow-x: auto; background:
  linear-gradient(90deg, var(--card) 50%, transparent) left / 2rem 100% no-repeat local,
  linear-gradient(270deg, var(--card) 50%, transparent) right / 2rem 100% no-repeat local,
  linear-gradient(90deg, var(--soft), transparent) left / .5rem 100% no-repeat,
  linear-gradient(270deg, var(--soft), transparent) right / .5rem 100% no-repeat; }
table { border-collapse: collapse; margin: .6rem 0; font-size: .88rem; width: 100%; }
td, th { padding: .22rem .7rem; border-bottom: 1px solid var(--faint); text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { overflow: auto; font-size: .8rem; } code { font-size: .9em; }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: .2em; margin-right: .5em; }
@media (max-width: 46rem) { figure.wide figcaption::before { content: "The drawing moves sideways. "; } }
@media print { .scroll { overflow: visible; background: none; } figure.wide svg { min-width: 0; }
  details { display: none; } figure, .tile { break-inside: avoid; } }
"""
