import { ExitCode, RagctlError } from "../errors.ts";
import { runVerify } from "../migration/run-verify.ts";
import type { CollectionInfo, Filter } from "../stores/contract.ts";
import { driverFor } from "../stores/index.ts";
import { plural } from "../units.ts";
import type { ReleaseAccess } from "./access.ts";
import { nodeRecall, sampleQueries, type Query } from "./recall.ts";
import type { Verification } from "./result.ts";

export interface VerifyOptions {
  collection: string;
  /** Points that it must have; undefined: however many there are. */
  expected: number | undefined;
  queries: number;
  k: number;
  minRecall: number;
  /** How long a store may take to index what it was given. */
  indexPatienceMs: number;
  signal: AbortSignal;
  note: (text: string) => void;
}

const lookEveryMs = 500;
const replicaPatienceMs = 10_000;

/**
 * Whether a fresh collection may serve: every node has finished indexing it, every replica holds what it should (each id with
 * one version), the count is what the ingest says, and each node's own answers are close enough to its exact ones.
 * @throws RagctlError exit 3 where a node cannot be asked: that is no verdict
 */
export async function verifyRelease(access: ReleaseAccess, options: VerifyOptions): Promise<Verification> {
  const { collection, expected, k, minRecall, signal, note } = options;
  const problems: string[] = [];
  const infos = await indexed(access, options, problems);
  const replicas = access.cluster.topology === "routed" ? await compareReplicas(access, options, problems) : undefined;
  const points = replicas?.points ?? (await countAnywhere(access, collection, signal));
  if (expected !== undefined && points !== expected)
    problems.push(`it holds ${plural(points, "point")}; the ingest wrote ${expected}`);
  const recall: Verification["recall"] = [];
  const face = driverFor(access.cluster).data(collection, access.cluster.store.vector);
  for (const node of access.nodes.all) {
    const info = infos.get(node.id);
    if (!info) continue;
    const queries = await sampleQueries((filter, limit) => scrollOn(access, node.id, collection, filter, limit, signal), {
      count: options.queries,
      points,
      rng: access.runtime.rng,
    });
    const found = await nodeRecall(access, node, face, { queries, k, distance: info.distance, signal });
    recall.push({ node: node.id, queries: queries.length, recall: found ?? null });
    if (found !== undefined && found < minRecall)
      problems.push(`recall@${k} on ${node.id} is ${found.toFixed(4)} of its exact answers; at least ${minRecall} was asked for`);
  }
  const total = recall.reduce((sum, { queries }) => sum + queries, 0);
  note(`${collection}: ${plural(points, "point")}, ${plural(total, "query")} compared with exact answers`);
  return {
    ok: problems.length === 0,
    points,
    expected: expected ?? null,
    replicas: replicas?.compared ?? null,
    recall,
    k,
    minRecall,
    problems,
  };
}

/** Waits until every node says that the collection is indexed; one that never does is a problem, one that cannot be asked an error. */
async function indexed(access: ReleaseAccess, options: VerifyOptions, problems: string[]): Promise<Map<string, CollectionInfo>> {
  const { collection, indexPatienceMs, signal } = options;
  const { clock } = access.runtime;
  const untilMs = clock.nowMs() + indexPatienceMs;
  const infos = new Map<string, CollectionInfo>();
  await Promise.all(
    access.nodes.all.map(async ({ id, control }) => {
      for (;;) {
        signal.throwIfAborted();
        const info = await control.collectionInfo(collection, access.cluster.store.vector);
        if (!info) return void problems.push(`node ${id} does not have it`);
        infos.set(id, info);
        if (info.status === "green") return;
        if (clock.nowMs() >= untilMs) return void problems.push(`node ${id} says ${info.status}, and not that it has indexed it`);
        await clock.sleep(lookEveryMs, signal);
      }
    }),
  );
  return infos;
}

/** Every replica of a routed collection, id by id and version by version; and that each of its nodes serves. */
async function compareReplicas(access: ReleaseAccess, { collection, signal, note }: VerifyOptions, problems: string[]) {
  const table = await access.state.getTable(collection);
  if (!table) {
    problems.push("it has no routing table");
    return undefined;
  }
  for (const [id, { state }] of Object.entries(table.nodes))
    if (state === "stale")
      problems.push(`node ${id} missed a write and is stale: ragctl shard repair --collection ${collection}`);
  if (table.moves.length > 0) problems.push(`${plural(table.moves.length, "move")} of its points under way`);
  const run = { collection, repair: false, sample: 100, patienceMs: replicaPatienceMs };
  const result = await runVerify(run, { access, journal: { record: () => undefined }, signal, note });
  const { missing, orphaned, different, checked } = result;
  if (!result.clean) problems.push(`its replicas differ: ${missing} missing, ${orphaned} orphaned, ${different} different`);
  return { points: checked, compared: { missing, orphaned, different } };
}

async function countAnywhere(access: ReleaseAccess, collection: string, signal: AbortSignal): Promise<number> {
  const face = driverFor(access.cluster).data(collection, access.cluster.store.vector);
  let why = "";
  for (const node of access.nodes.all) {
    const answer = await access.nodes.send(node, face, face.prepareCount(), { timeoutMs: access.requestTimeoutMs, signal }, []);
    signal.throwIfAborted();
    if (!answer.failure) return face.parseCount(answer.body);
    why = answer.failure.message;
  }
  throw unanswered(why);
}

async function scrollOn(
  access: ReleaseAccess,
  id: string,
  collection: string,
  filter: Filter,
  limit: number,
  signal: AbortSignal,
): Promise<Query[]> {
  const face = driverFor(access.cluster).data(collection, access.cluster.store.vector);
  const request = face.prepareScroll({ filter, limit, withVector: true, withPayload: false });
  const answer = await access.nodes.send(access.nodes.get(id), face, request, { timeoutMs: access.requestTimeoutMs, signal }, []);
  signal.throwIfAborted();
  if (answer.failure) throw unanswered(answer.failure.message);
  return face.parseScroll(answer.body).points.flatMap((point) => (point.vector ? [{ id: point.id, vector: point.vector }] : []));
}

function unanswered(why: string): RagctlError {
  return new RagctlError(`Node ${why}`, {
    code: "node-unreachable",
    exitCode: ExitCode.unreachable,
    hint: "Nothing was switched. ragctl status shows every node.",
  });
}
