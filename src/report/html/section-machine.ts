import { formatCount, formatDurationMs, formatDurationUs, formatPercent, formatRate } from "../../units.ts";
import type { LoadResult } from "../../load/result.ts";
import { duration } from "./figures.ts";
import { markup, type Content, type Markup } from "./markup.ts";
import { htmlTable, section } from "./tables.ts";
import { targetText } from "./target.ts";

/** Above this share of a core, service times include waiting for the generator. */
const nearlyFull = 0.8;

/** What the run was: enough to repeat it. */
export function specSection({ target, spec, scenarios }: LoadResult): Markup {
  const facts: [string, Content][] = Object.entries(spec as Record<string, unknown>).flatMap(
    ([name, value]): [string, Content][] =>
      value === undefined || value === null ? [] : [[specName(name), specValue(name, value)]],
  );
  const nodes = target.kind === "http" ? [] : target.nodes;
  return section("spec", "What was run", targetText(target), [
    markup`<dl class="facts">${facts.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}${
      nodes.length > 0 &&
      markup`<div class="all"><dt>nodes</dt><dd>${nodes.map(({ id, url }) => markup`${id} <span class="soft">${url}</span> &ensp; `)}</dd></div>`
    }</dl>`,
    scenarios.length > 1 && scenariosTable(scenarios),
  ]);
}

function scenariosTable(scenarios: LoadResult["scenarios"]): Markup {
  return htmlTable(
    ["scenario", "operation", "executor", ">rate or users", ">from", ">for", "tags"],
    scenarios.map(({ name, operation, executor, ratePerSec, vus, startMs, durationMs, tags }) => [
      name,
      operation,
      executor,
      ratePerSec === undefined ? (vus === undefined ? "–" : `${formatCount(vus)} users`) : formatRate(ratePerSec),
      startMs === 0 ? "0" : formatDurationMs(startMs),
      formatDurationMs(durationMs),
      Object.entries(tags)
        .map(([key, value]) => `${key}=${value}`)
        .join(", "),
    ]),
  );
}

function specName(name: string): string {
  return name
    .replace(/(Ms|Us|PerSec)$/, "")
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .trim();
}

function specValue(name: string, value: unknown): Content {
  if (typeof value === "number") {
    if (name.endsWith("Ms")) return formatDurationMs(value);
    if (name.endsWith("Us")) return formatDurationUs(value);
    if (name.endsWith("PerSec")) return formatRate(value);
    return name === "seed" ? String(value) : formatCount(value);
  }
  if (typeof value === "string" || typeof value === "boolean") return String(value);
  return markup`<pre>${JSON.stringify(value, undefined, 2)}</pre>`;
}

/** What made the load, and whether it was able to. */
export function machineSection({ generator, audit }: LoadResult): Markup {
  const { workers, pacer, cores, node, platform, colocated } = generator;
  const share = (value: number | null) =>
    value === null ? "–" : markup`<span class="${value > nearlyFull ? "warn" : ""}">${formatPercent(value)}</span>`;
  const rows = workers.map(({ busy, cpu, eventLoopDelayUs, gc, connectionsOpened }, index) => [
    `worker ${index + 1}`,
    share(busy),
    share(cpu),
    duration(eventLoopDelayUs.p50),
    duration(eventLoopDelayUs.p99),
    duration(eventLoopDelayUs.max),
    `${formatPercent(gc.share)}, longest ${duration(gc.longestUs)}`,
    connectionsOpened === null ? "–" : formatCount(connectionsOpened),
  ]);
  if (pacer) rows.push(["pacer", "–", share(pacer?.cpu ?? null), "–", "–", "–", "–"]);
  const full = workers.filter(({ busy }) => busy > nearlyFull).length;
  const lead = [
    audit.length > 0
      ? ""
      : full > 0
        ? `${full} of ${workers.length} workers were busy for more than ${formatPercent(nearlyFull)} of the time: service times include waiting for them. Give more --workers, or a lower rate.`
        : "No worker was near its limit.",
    colocated ? `The target shared this machine's ${cores} cores with the generator: both are slower than apart.` : "",
    `${platform}, ${cores} cores, Node ${node}.`,
  ];
  return section("machine", "Generator", lead.filter(Boolean).join(" "), [
    audit.length > 0 && markup`<ul class="audit">${audit.map(({ message }) => markup`<li class="warn">! ${message}</li>`)}</ul>`,
    htmlTable(["", ">busy", ">processor", ">wake p50", ">wake p99", ">wake max", ">garbage collection", ">connections"], rows),
  ]);
}
