"""How a report looks: one sheet of CSS for light screens, dark screens and paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { --page: #f6f7f9; --card: #fff; --ink: #16202c; --dim: #5c6875; --grid: #e3e7ec; --bed: #eef1f4;
  --ok: #1d7a8c; --slow: #d98a00; --lost: #cf222e; --outage: #cf222e1c; --alive: #9fcdd6; --silence: #d98a00;
  --fault: #cf222e; --signal: #8250df; --decision: #0969da; --route: #1a7f37; --eip: #b0307a; --packet: #1d7a8c; }
@media (prefers-color-scheme: dark) { :root { --page: #0f141a; --card: #171d25; --ink: #e4e9ef; --dim: #95a1ae;
  --grid: #2a323c; --bed: #212933; --ok: #4fb8cc; --slow: #e3a53a; --lost: #ff6b6b; --outage: #ff6b6b26;
  --alive: #2c5f69; --silence: #e3a53a; --fault: #ff6b6b; --signal: #b794f6; --decision: #6cb6ff; --route: #56d364;
  --eip: #f07bb8; --packet: #4fb8cc; } }
@media print { :root { --page: #fff; --card: #fff; --ink: #000; --dim: #444; --grid: #ddd; --bed: #f2f2f2;
  --ok: #1d7a8c; --slow: #b97500; --lost: #b00020; --outage: #cf222e1c; --alive: #9fcdd6; --silence: #d98a00;
  --fault: #b00020; --signal: #6f42c1; --decision: #0550ae; --route: #116329; --eip: #99286a; --packet: #1d7a8c; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  figure, .tile, tr { break-inside: avoid; } main { max-width: none !important; padding: 0 !important; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 20px 24px 40px; }
h1 { font-size: 25px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 26px 0 8px; }
header p { margin: 2px 0; } .dim { color: var(--dim); } .bad { color: var(--lost); }
h1 span { font-size: 14px; font-weight: 600; padding: 2px 10px; border-radius: 99px; border: 1.5px solid;
  vertical-align: 4px; margin-left: 6px; }
.good { color: var(--route); }
.tiles { display: flex; flex-wrap: wrap; gap: 10px; margin: 16px 0; }
.tile { flex: 1 1 118px; background: var(--card); border: 1px solid var(--grid); border-top: 3px solid var(--ink);
  border-radius: 6px; padding: 8px 12px 10px; }
.tile b, .tile strong, .tile span { display: block; } .tile b { font-size: 13px; color: var(--dim); font-weight: 600; }
.tile strong { font-size: 23px; line-height: 1.25; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tile span { font-size: 12px; color: var(--dim); }
.tile.outage, .tile.lost { border-top-color: var(--lost); } .tile.flows { border-top-color: var(--ok); }
.tile.signal { border-top-color: var(--signal); } .tile.decision { border-top-color: var(--decision); }
.tile.route { border-top-color: var(--route); } .tile.eip { border-top-color: var(--eip); }
figure { margin: 0; background: var(--card); border: 1px solid var(--grid); border-radius: 6px;
  padding: 14px 16px 8px; overflow-x: auto; }
.phone { display: none; }
svg.plot { display: block; width: 100%; height: auto;
  font: 12.5px system-ui, "Noto Sans", "DejaVu Sans", sans-serif; fill: var(--ink); }
.plot .small { font-size: 11px; fill: var(--dim); } .plot .lane { font-weight: 600; }
.plot .grid { stroke: var(--grid); stroke-width: 1; } .plot rect.outage { fill: var(--outage); }
.plot circle.ok { fill: var(--ok); } .plot circle.slow { fill: var(--slow); }
.plot circle.mute { stroke: var(--lost); stroke-width: 1.8; fill: none; } .plot rect.relayed { fill: var(--route); }
.plot path.lost { stroke: var(--lost); stroke-width: 1.8; fill: none; }
.plot rect.bed { fill: var(--bed); } .plot path.tick { fill: none; stroke-width: 1.6; stroke: var(--ok); }
.plot path.tick.slow { stroke: var(--slow); } .plot path.tick.lost { stroke: var(--lost); stroke-width: 2.2; }
.plot rect.alive { fill: var(--alive); } .plot rect.silence { fill: var(--silence); }
.plot line.mark { stroke-width: 1.5; stroke-dasharray: 4 3; } .plot line.fault { stroke-dasharray: none; }
.plot text.name { font-weight: 600; paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
.plot .fault { stroke: var(--fault); } .plot .signal { stroke: var(--signal); }
.plot .decision { stroke: var(--decision); } .plot .route { stroke: var(--route); } .plot .eip { stroke: var(--eip); }
.plot .packet { stroke: var(--packet); }
.plot circle.dot { stroke: none; } .plot text.name { stroke: var(--card); }
.plot .dot.fault, .plot .name.fault { fill: var(--fault); }
.plot .dot.signal, .plot .name.signal { fill: var(--signal); }
.plot .dot.decision, .plot .name.decision { fill: var(--decision); }
.plot .dot.route, .plot .name.route { fill: var(--route); } .plot .dot.eip, .plot .name.eip { fill: var(--eip); }
.plot .dot.packet, .plot .name.packet { fill: var(--packet); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 8px 0 2px; padding: 0;
  font-size: 12.5px; color: var(--dim); }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin-right: 6px; }
.legend i.ok { background: var(--ok); } .legend i.slow { background: var(--slow); }
.legend i.lost { background: var(--lost); } .legend i.silence { background: var(--silence); border-radius: 2px; }
.legend i.mute { border: 2px solid var(--lost); } .legend i.relayed { background: var(--route); border-radius: 2px; }
.legend i.outage { background: var(--outage); border: 1px solid var(--lost); border-radius: 2px; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--grid); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { text-align: left; padding: 5px 12px; border-top: 1px solid var(--grid); vertical-align: top; }
thead th { border-top: 0; color: var(--dim); font-weight: 600; } td { font-variant-numeric: tabular-nums; }
.facts td:first-child { white-space: nowrap; }
.story tr:first-child td { border-top: 0; } .story td { border-top-color: var(--bed); overflow-wrap: break-word; }
.story td:nth-child(2) { white-space: nowrap; } .story .at { text-align: right; white-space: nowrap; width: 1%; }
.story .id { white-space: nowrap; }
.story tr.detail td { color: var(--dim); } .story tr:not(.detail) td { font-weight: 600; }
.story tr.fault td { color: var(--fault); } .story tr.signal td { color: var(--signal); }
.story tr.decision td { color: var(--decision); } .story tr.route td { color: var(--route); }
.story tr.eip td { color: var(--eip); }
@media (max-width: 700px) {
  main { padding: 14px 12px 28px; } .desk { display: none; } .phone { display: block; }
  .phone svg.plot { font-size: 17px; } .phone .plot .small { font-size: 15px; }
  table, tbody, tr, td { display: block; width: auto; } tr { padding: 5px 12px; border-top: 1px solid var(--bed); }
  tr:first-child { border-top: 0; } td { border: 0; padding: 0; } .facts thead { display: none; }
  .facts td { display: flex; justify-content: space-between; gap: 14px; text-align: right; padding: 1px 0; }
  .facts td:first-child { font-weight: 600; } .facts td::before { content: attr(data-name); color: var(--dim);
    flex: none; font-weight: 400; }
  .story td:nth-child(2) { white-space: normal; } .story .at { text-align: left; width: auto; } }
@media print { .phone { display: none !important; } .desk { display: block !important; } }
footer { margin-top: 22px; font-size: 12.5px; }
"""
