import { Markup } from "./markup.ts";

/**
 * One typeface, greys, and colours that mean something: blue for latency (the darker, the further into the tail), green and red for
 * what held and what did not, amber for doubt. Dark and light follow the reader's system; print is always light.
 */
export const style = new Markup(`
:root{color-scheme:light dark;
--bg:#fff;--panel:#f6f7f9;--ink:#15181e;--soft:#545b68;--faint:#7d8491;--rule:#e3e6eb;--grid:#edeff2;
--good:#1b7a4a;--bad:#c22f2b;--warn:#a96400;--good-bg:#e9f5ee;--bad-bg:#fbecec;--warn-bg:#fcf3e3;
--t1:#9dbdf0;--t2:#4d82dc;--t3:#173f8a;--other:#7a5195;--plain:#545b68;
--e1:#c22f2b;--e2:#e0803a;--e3:#9c5a8c;--e4:#6b7484;--e5:#b9a13c;--fault:#c22f2b;--step:#5a6372}
@media (prefers-color-scheme:dark){:root{
--bg:#121419;--panel:#1a1d24;--ink:#e7e9ee;--soft:#a7adb9;--faint:#858c99;--rule:#2b303a;--grid:#23272f;
--good:#56c08a;--bad:#f0736c;--warn:#e0a54a;--good-bg:#16281f;--bad-bg:#321b1c;--warn-bg:#2f2616;
--t1:#2f5596;--t2:#5f94ea;--t3:#c3d8ff;--other:#c39bdc;--plain:#a7adb9;
--e1:#f0736c;--e2:#e89a5b;--e3:#c58bb6;--e4:#8d95a3;--e5:#cdb757;--fault:#f0736c;--step:#8d95a3}}
@media print{:root{color-scheme:light;
--bg:#fff;--panel:#f6f7f9;--ink:#15181e;--soft:#545b68;--faint:#7d8491;--rule:#e3e6eb;--grid:#edeff2;
--good:#1b7a4a;--bad:#c22f2b;--warn:#a96400;--good-bg:#e9f5ee;--bad-bg:#fbecec;--warn-bg:#fcf3e3;
--t1:#9dbdf0;--t2:#4d82dc;--t3:#173f8a;--other:#7a5195;--plain:#545b68;
--e1:#c22f2b;--e2:#e0803a;--e3:#9c5a8c;--e4:#6b7484;--e5:#b9a13c;--fault:#c22f2b;--step:#5a6372}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:1136px;margin:0 auto;padding:36px 32px 56px}
header{margin-bottom:28px}
.over{display:flex;justify-content:space-between;gap:24px;color:var(--soft);font-size:13px}
.verdict{display:flex;align-items:baseline;gap:16px;flex-wrap:wrap;margin:14px 0 4px}
h1{font-size:34px;line-height:1.15;font-weight:650;letter-spacing:-.02em;margin:0}
h1.pass{color:var(--good)}h1.fail{color:var(--bad)}h1.inconclusive{color:var(--warn)}
.verdict p{margin:0;font-size:17px;color:var(--ink)}
.what{margin:0;color:var(--soft);overflow-wrap:anywhere}
.reasons{list-style:none;margin:16px 0 0;padding:11px 16px;border-left:3px solid;border-radius:0 5px 5px 0}
.reasons li{margin:2px 0;overflow-wrap:anywhere}
.reasons.pass{border-color:var(--good);background:var(--good-bg)}
.reasons.fail{border-color:var(--bad);background:var(--bad-bg)}
.reasons.inconclusive{border-color:var(--warn);background:var(--warn-bg)}
section{margin:34px 0 0;break-inside:avoid}
h2{font-size:16px;font-weight:620;letter-spacing:-.005em;margin:0 0 2px}
h3{font-size:13px;font-weight:600;margin:0 0 4px}
.lead{margin:0 0 10px;color:var(--soft);max-width:84ch}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:1px;background:var(--rule);border:1px solid var(--rule);border-radius:6px;overflow:hidden;margin:24px 0 0}
.figures div{background:var(--bg);padding:10px 14px 11px}
.figures dt{color:var(--soft);font-size:12.5px}
.figures dd{margin:0;font-size:20px;font-weight:600;letter-spacing:-.01em;white-space:nowrap}
.figures small{display:block;font-size:12px;font-weight:400;letter-spacing:0;color:var(--faint);white-space:normal}
dl{margin:0}
table{border-collapse:collapse;width:100%}
th{font-weight:500;color:var(--soft);font-size:12.5px;text-align:left;border-bottom:1px solid var(--rule);padding:4px 14px 5px 0;white-space:nowrap}
td{padding:5px 14px 5px 0;border-bottom:1px solid var(--grid);vertical-align:top;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}
th:last-child,td:last-child{padding-right:0}
.table{overflow-x:auto}svg+.table,dl+.table{margin-top:12px}
.split{margin:0 0 16px}
.audit{list-style:none;margin:0 0 12px;padding:0}.audit li{margin:2px 0;padding-left:1.4em;text-indent:-1.4em;max-width:100ch}
th.n,td.n{text-align:right;white-space:nowrap;overflow-wrap:normal}
td.mono,code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.soft{color:var(--soft)}.faint{color:var(--faint)}
.state{font-weight:600;white-space:nowrap}
.cols{display:grid;gap:32px 40px}
.cols.two{grid-template-columns:1fr 1fr}
.cols.wide{grid-template-columns:minmax(0,2.1fr) minmax(0,1fr)}
.cols.nodes{grid-template-columns:repeat(3,minmax(0,1fr));gap:20px 28px}
.cols>*{min-width:0}
.node{break-inside:avoid}
.node h3 .bad{font-weight:400}
.facts{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:12px 28px}
.facts .all{grid-column:1/-1}
.facts dt{color:var(--soft);font-size:12.5px}
.facts dd{margin:0;overflow-wrap:anywhere}
.node p{margin:0 0 4px;color:var(--soft);font-size:12.5px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 6px;padding:0;list-style:none;font-size:12.5px;color:var(--soft)}
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px;vertical-align:-1px}
.sum{display:grid;grid-template-columns:max-content max-content max-content;gap:3px 22px;margin-top:10px}
.sum span{white-space:nowrap}
.parts{display:flex;height:14px;border-radius:3px;overflow:hidden;background:var(--grid)}
.parts i{display:block;min-width:2px}
.parts .ok{background:var(--good);opacity:.55}
.chart{display:block;width:100%;height:auto;overflow:visible;font-size:11.5px}
.chart text{font-family:inherit;fill:var(--soft)}
.chart .tick{fill:var(--faint);font-size:11px}
.chart .grid{stroke:var(--grid);stroke-width:1}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}
.t1{stroke:var(--t1);--tone:var(--t1)}.t2{stroke:var(--t2);--tone:var(--t2)}.t3{stroke:var(--t3);--tone:var(--t3)}.line.t3{stroke-width:1.9}
.other{stroke:var(--other);--tone:var(--other)}.plain{stroke:var(--plain);--tone:var(--plain)}
.line.other{stroke-dasharray:5 4}
.line.wanted{stroke:var(--faint);stroke-dasharray:3 3}.wanted{--tone:var(--faint)}
.line.recall{stroke:var(--good)}.recall{--tone:var(--good)}
.ribbon{fill:var(--tone);opacity:.16}
.dot{stroke:none;fill:var(--tone)}
.chart text.name{fill:var(--tone);stroke:none;font-weight:600;font-size:12px}
.chart text.t1.name{fill:var(--t2)}
.e1{--tone:var(--e1)}.e2{--tone:var(--e2)}.e3{--tone:var(--e3)}.e4{--tone:var(--e4)}.e5{--tone:var(--e5)}
.bar{fill:var(--tone)}.legend i,.parts i{background:var(--tone)}
line.limit{stroke-width:1;stroke-dasharray:2 3;stroke:var(--faint)}line.limit.broken{stroke:var(--bad)}
.chart text.limit{font-size:11px;fill:var(--faint)}.chart text.limit.broken{fill:var(--bad)}
.band rect{fill:var(--step);opacity:.1}.band line{stroke:var(--step);stroke-width:1;opacity:.7}
.band.fault rect{fill:var(--fault);opacity:.09}.band.fault line{stroke:var(--fault)}
.chart text.event{fill:var(--step);font-size:11.5px;font-weight:500}.chart text.event.fault{fill:var(--fault)}
.weak rect{fill:var(--faint);opacity:.08}
.ceiling path{stroke:var(--good);stroke-width:2.5;fill:none}.ceiling.broken path{stroke:var(--bad)}
.chart .ceiling text{font-size:11px;fill:var(--good)}.chart .ceiling.broken text{fill:var(--bad)}
.hit{fill:transparent}
.cross{stroke:var(--soft);stroke-width:1;visibility:hidden;pointer-events:none}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--ink);color:var(--bg);padding:6px 10px;border-radius:5px;font-size:12.5px;line-height:1.45;white-space:pre;display:none}
pre{margin:0;padding:12px 16px;background:var(--panel);border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;font:12.5px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
footer{margin-top:40px;padding-top:12px;border-top:1px solid var(--rule);color:var(--faint);font-size:12.5px;display:flex;justify-content:space-between;gap:24px}
@media (max-width:820px){main{padding:20px 16px}.cols.two,.cols.wide{grid-template-columns:minmax(0,1fr)}.cols.nodes,.facts{grid-template-columns:1fr 1fr}}
@media (max-width:520px){.sum{grid-template-columns:max-content max-content;gap:2px 12px;font-size:13px}.sum span:nth-child(3n+1){grid-column:1/-1;margin-top:4px}.cols.nodes{grid-template-columns:1fr}.over,footer{flex-direction:column;gap:2px}}
@media print{.table{overflow:visible}body{font-size:11.5px}main{max-width:none;padding:0}section{margin-top:22px}#tip,.cross{display:none!important}.figures dd{font-size:16px}@page{margin:14mm}}
`);
