import { RagctlError } from "../errors.ts";
import type { Routing } from "../sharding/owners.ts";
import { field, physicalOf, stampFields } from "../sharding/table.ts";
import type { Point, PointId } from "../stores/contract.ts";
import { Cursor, scanPoints, versionIn } from "./compare.ts";
import type { MoverDeps } from "./contract.ts";
import { findingText, judge, placeIn, type Copy, type Finding } from "./holdings.ts";
import { chunks, NodeIo } from "./io.ts";
import { compareIds, idKey, SetChecksum } from "./positions.ts";
import type { ShardVerifyResult } from "./result.ts";
import { TableAccess } from "./table.ts";
import { NodeTrouble } from "./trouble.ts";

/** Between two looks at the same point: longer than a write takes. */
const lookAgainMs = 500;
const mostLooks = 6;
/** Components of a vector may differ by this much of its largest: stores normalise, in 32 bits. */
const vectorTolerance = 1e-5;
const mostExamples = 20;

export interface Verification {
  result: Pick<
    ShardVerifyResult,
    "clean" | "checked" | "missing" | "orphaned" | "different" | "sampledVectors" | "nodes" | "examples" | "moves" | "epoch"
  >;
  findings: Finding[];
}

/**
 * Compares all replicas of a collection, id by id and version by version, and a sample of the points whole. Nodes are scrolled side by side,
 * so memory does not grow with the collection. Writes may go on: what looks wrong is looked at again until it has stayed the same.
 * @param sample points whose vectors and payloads are compared
 * @throws RagctlError exit 3 where a node that serves does not answer
 */
export async function verifyCollection(deps: MoverDeps, sample = 200): Promise<Verification> {
  const table = new TableAccess(deps.state, deps.collection, deps.physical);
  const io = new NodeIo(deps, table);
  const routing = await table.read();
  const asked = await nodesToAsk(io, routing);
  const tally = new Map([...asked].map((id) => [id, new SetChecksum()]));
  const cursors = new Map([...asked].map((id) => [id, new Cursor(scanPoints(io, deps, id, undefined))]));
  const suspects: { id: PointId; key: string }[] = [];
  const sampled: { id: PointId; key: string }[] = [];
  let checked = 0;
  try {
    for (;;) {
      const heads = await Promise.all([...cursors].map(async ([node, cursor]) => ({ node, cursor, seen: await cursor.peek() })));
      const first = heads.reduce<PointId | undefined>(
        (least, { seen }) => (seen && (least === undefined || compareIds(seen.id, least) < 0) ? seen.id : least),
        undefined,
      );
      if (first === undefined) break;
      const copies: Copy[] = [];
      let key = String(first);
      for (const { node, cursor, seen } of heads) {
        if (!seen || compareIds(seen.id, first) !== 0) continue;
        cursor.advance();
        tally.get(node)!.add(seen.id, seen.version);
        copies.push({ node, version: seen.version, ...placeIn(routing, seen.payload) });
        if (typeof seen.payload[field.key] === "string") key = seen.payload[field.key] as string;
      }
      checked++;
      if (judge(routing, first, key, copies, asked)) suspects.push({ id: first, key });
      // Reservoir: every point has the same chance.
      else if (sampled.length < sample) sampled.push({ id: first, key });
      else {
        const at = Math.floor(deps.rng() * checked);
        if (at < sample) sampled[at] = { id: first, key };
      }
    }
  } catch (error) {
    throw unreachable(error);
  }
  try {
    const findings = await lookAgain(io, table, deps, asked, suspects);
    const unequal = await compareWhole(io, table, deps, sampled);
    const all = [...findings, ...unequal];
    return {
      findings: all,
      result: { ...summary(await table.read(), asked, tally, all), checked, sampledVectors: sampled.length },
    };
  } catch (error) {
    throw unreachable(error);
  }
}

/** Nodes that serve must answer; of the others, those that do and have the collection. */
async function nodesToAsk(io: NodeIo, { table }: Routing): Promise<Set<string>> {
  const asked = new Set<string>();
  for (const [id, { state }] of Object.entries(table.nodes)) {
    // What a stale node holds is the matter of its repair.
    if (state === "stale") continue;
    try {
      const { control } = await io.node(id);
      if (state === "joining" && !(await control.listCollections()).includes(physicalOf(table))) continue;
      asked.add(id);
    } catch (error) {
      if (state !== "joining") throw error;
    }
  }
  return asked;
}

/** The suspects that are wrong in two looks in a row, in the same way. */
async function lookAgain(
  io: NodeIo,
  table: TableAccess,
  deps: MoverDeps,
  asked: ReadonlySet<string>,
  suspects: readonly { id: PointId; key: string }[],
): Promise<Finding[]> {
  const settled: Finding[] = [];
  let open = new Map(suspects.map((one) => [idKey(one.id), { ...one, before: "" }]));
  for (let look = 0; look < mostLooks && open.size > 0; look++) {
    if (look > 0) await deps.clock.sleep(lookAgainMs, deps.signal);
    const routing = await table.read();
    const still: typeof open = new Map();
    for (const some of chunks([...open.values()], 500)) {
      const copies = await copiesOf(
        io,
        routing,
        asked,
        some.map(({ id }) => id),
      );
      for (const one of some) {
        const finding = judge(routing, one.id, one.key, copies.get(idKey(one.id)) ?? [], asked);
        if (!finding) continue;
        const text = findingText(finding);
        if (text === one.before) settled.push(finding);
        else still.set(idKey(one.id), { id: one.id, key: one.key, before: text });
      }
    }
    open = still;
  }
  return settled;
}

async function copiesOf(
  io: NodeIo,
  routing: Routing,
  nodes: Iterable<string>,
  ids: readonly PointId[],
): Promise<Map<string, Copy[]>> {
  const copies = new Map<string, Copy[]>();
  for (const node of nodes)
    for (const { id, payload } of await io.fetch(node, ids, { withVector: false, withPayload: stampFields(routing.table) })) {
      const copy = { node, version: versionIn(payload), ...placeIn(routing, payload) };
      copies.set(idKey(id), [...(copies.get(idKey(id)) ?? []), copy]);
    }
  return copies;
}

/** Points of the sample whose owners hold the same version with another vector or payload. */
async function compareWhole(
  io: NodeIo,
  table: TableAccess,
  deps: MoverDeps,
  sampled: readonly { id: PointId; key: string }[],
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const some of chunks(sampled, 50)) {
    const routing = await table.read();
    const held = new Map<string, { node: string; point: Point }[]>();
    for (const [node, { state }] of Object.entries(routing.table.nodes)) {
      if (state !== "serving" && state !== "leaving") continue;
      const ids = some.map(({ id }) => id);
      for (const point of await io.fetch(node, ids, { withVector: true, withPayload: true })) {
        const place = routing.placeOf(point.payload);
        if (!place || !routing.serves(routing.indexOf.get(node)!, place.position, place.to)) continue;
        held.set(idKey(point.id), [...(held.get(idKey(point.id)) ?? []), { node, point }]);
      }
    }
    for (const { id, key } of some) {
      const [first, ...others] = held.get(idKey(id)) ?? [];
      // Another version by now is a write in between, not a difference.
      const unequal = others.filter(
        ({ point }) => versionIn(point.payload) === versionIn(first!.point.payload) && !samePoint(point, first!.point),
      );
      if (unequal.length === 0) continue;
      const copies = [first!, ...others].map(({ node, point }): Copy =>
        Object.assign({ node, version: versionIn(point.payload) }, placeIn(routing, point.payload)),
      );
      found.push({ id, key, missing: [], orphaned: [], different: unequal.map(({ node }) => node), copies });
    }
  }
  return found;
}

/** Equal but for rounding. */
export function samePoint(a: Point, b: Point): boolean {
  if (canonical(a.payload ?? {}) !== canonical(b.payload ?? {})) return false;
  const left = a.vector ?? [];
  const right = b.vector ?? [];
  if (left.length !== right.length) return false;
  let largest = 0;
  for (const component of left) largest = Math.max(largest, Math.abs(component));
  return left.every((component: number, at: number) => Math.abs(component - right[at]!) <= vectorTolerance * largest);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([x], [y]) => (x < y ? -1 : 1)))
      : part,
  );
}

function summary(
  routing: Routing,
  asked: ReadonlySet<string>,
  tally: ReadonlyMap<string, SetChecksum>,
  findings: readonly Finding[],
) {
  const count = (kind: "missing" | "orphaned" | "different") => findings.filter((finding) => finding[kind].length > 0).length;
  const examples: ShardVerifyResult["examples"] = [];
  for (const finding of findings)
    for (const problem of ["missing", "orphaned", "different"] as const)
      for (const node of finding[problem])
        if (examples.length < mostExamples) examples.push({ key: finding.key, problem, node, detail: versionsText(finding) });
  return {
    clean: findings.length === 0,
    missing: count("missing"),
    orphaned: count("orphaned"),
    different: count("different"),
    nodes: Object.entries(routing.table.nodes).map(([id, { state }]) => ({
      id,
      state,
      points: asked.has(id) ? tally.get(id)!.count : null,
      checksum: asked.has(id) ? tally.get(id)!.text : null,
      missing: findings.filter(({ missing }) => missing.includes(id)).length,
      orphaned: findings.filter(({ orphaned }) => orphaned.includes(id)).length,
      different: findings.filter(({ different }) => different.includes(id)).length,
    })),
    examples,
    moves: routing.table.moves.filter(({ phase }) => phase !== "cutover").length,
    epoch: routing.table.epoch,
  };
}

function versionsText({ copies }: Finding): string {
  return copies.map(({ node, version }) => `${node}: ${version ?? "no version"}`).join(", ");
}

function unreachable(error: unknown): unknown {
  if (!(error instanceof NodeTrouble)) return error;
  return new RagctlError(`Node ${error.message}`, {
    code: "node-unreachable",
    exitCode: 3,
    hint: "All nodes that serve must answer; ragctl status shows them.",
    cause: error,
  });
}
