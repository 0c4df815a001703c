import type { ClusterNode } from "../cluster/node.ts";
import { RagctlError } from "../errors.ts";
import type { PreparedRequest } from "../http/contract.ts";
import { stampFields } from "../sharding/table.ts";
import { markQuiet, markStale } from "../sharding/transitions.ts";
import type { Filter, Point, PointId } from "../stores/contract.ts";
import type { MoverDeps } from "./contract.ts";
import type { TableAccess } from "./table.ts";
import { halfDone, nodeFull, NodeTrouble, Unanswered } from "./trouble.ts";

const firstRetryMs = 100;
const slowestRetryMs = 2_000;

/** `patient`: tries again for as long as the mover waits for anything; `once`: writers are held meanwhile, so not. */
export type Manner = "patient" | "once";

/** Requests to single nodes, as a mover may make them: reads again and again, a write never twice (ROUTING.md, "Late arrivals"). */
export class NodeIo {
  readonly #deps: MoverDeps;
  readonly #table: TableAccess;
  readonly #nodes = new Map<string, ClusterNode>();

  constructor(deps: MoverDeps, table: TableAccess) {
    this.#deps = deps;
    this.#table = table;
  }

  /** @throws NodeTrouble where it does not answer, RagctlError exit 5 where it refuses or is full */
  async read<T>(id: string, request: PreparedRequest, parse: (body: Buffer) => T, manner: Manner = "patient"): Promise<T> {
    for (const retry = this.#retry(); ; await retry.wait()) {
      const { failure, body } = await this.#send(id, request);
      if (!failure) return parse(body);
      if (failure.full) throw nodeFull(failure.message);
      if (failure.fatal) throw refused(id, failure.message);
      if (manner === "once" || retry.over()) throw new NodeTrouble(id, failure.message);
    }
  }

  /**
   * @throws Unanswered where it may still land (the table says so then), NodeTrouble where it certainly did not, RagctlError exit 5
   * where the node refuses it or is full, 7 where the lock does not outlive it
   */
  async write(id: string, request: PreparedRequest, manner: Manner = "patient"): Promise<void> {
    for (const retry = this.#retry(); ; await retry.wait()) {
      this.#deps.fence.ensure();
      const { failure } = await this.#send(id, request);
      if (!failure) return;
      if (failure.mayLand) {
        await this.setAside(id);
        throw new Unanswered(id, failure.message);
      }
      if (failure.full) throw nodeFull(failure.message);
      if (failure.fatal) throw refused(id, failure.message);
      if (manner === "once" || retry.over()) throw new NodeTrouble(id, failure.message);
    }
  }

  async node(id: string): Promise<ClusterNode> {
    const known = this.#nodes.get(id);
    if (known) return known;
    const entry = (await this.#table.read()).table.nodes[id];
    const node = entry ? this.#deps.nodes.ofTable(id, entry.url) : this.#deps.nodes.get(id);
    this.#nodes.set(id, node);
    return node;
  }

  /** Whether the node answers now. */
  async answers(id: string): Promise<boolean> {
    return (await (await this.node(id)).control.health({ timeoutMs: 1_000, signal: this.#deps.signal })).ok;
  }

  /**
   * A write to it may still land: stale where it serves, else `quiet`. One that owns nothing yet is quiet in either case, since
   * nobody misses what it serves.
   */
  async setAside(id: string): Promise<void> {
    try {
      const serves = (await this.#table.read()).table.nodes[id]?.state !== "joining";
      const marked = serves
        ? (await this.#table.change((table, routing) => markStale(table, id, routing))).outcome
        : { refused: "it serves nothing" };
      if (typeof marked === "object") await this.#table.change((table) => markQuiet(table, id));
    } catch (error) {
      this.#deps.fence.leaveUnclean();
      throw error;
    }
  }

  /** The fields that say of a point what a mover wants to know, by the table as it is. */
  async stampFields(): Promise<string[]> {
    return stampFields((await this.#table.read()).table);
  }

  async count(id: string, filters: readonly Filter[]): Promise<number> {
    const { face } = this.#deps;
    let total = 0;
    for (const filter of filters) total += await this.read(id, face.prepareCount(filter), (body) => face.parseCount(body));
    return total;
  }

  /** Points with these ids; those that do not exist are left out. */
  async fetch(id: string, ids: readonly PointId[], what: { withVector: boolean; withPayload: true | string[] }, manner?: Manner) {
    const { face } = this.#deps;
    const found: Point[] = [];
    for (const some of chunks(ids, this.#deps.capabilities.maxBatch))
      found.push(...(await this.read(id, face.prepareFetch(some, what), (body) => face.parseFetch(body), manner)));
    return found;
  }

  /**
   * Upserts as they are, in as few requests as the store's limits allow.
   * @param onlyIf which existing points may be replaced; unless given, all
   */
  async upsert(id: string, points: readonly Point[], manner?: Manner, onlyIf?: Filter): Promise<void> {
    const { face, capabilities, throttle, signal, onCopied } = this.#deps;
    const pending = chunks(points, capabilities.maxBatch);
    for (let some = pending.shift(); some; some = pending.shift()) {
      let request: PreparedRequest;
      try {
        request = face.prepareUpsert(some, { wait: true, ...(onlyIf && { onlyIf }) });
      } catch (error) {
        if (!(error instanceof RagctlError && error.code === "batch-too-large") || some.length === 1) throw error;
        pending.unshift(some.slice(0, some.length / 2), some.slice(some.length / 2));
        continue;
      }
      const bytes = request.body?.length ?? 0;
      if (manner !== "once") await throttle.take(some.length, bytes, signal);
      await this.write(id, request, manner);
      onCopied(some.length, bytes);
    }
  }

  async remove(id: string, ids: readonly PointId[], manner?: Manner): Promise<void> {
    const { face, capabilities } = this.#deps;
    for (const some of chunks(ids, capabilities.maxBatch))
      await this.write(id, face.prepareDelete({ ids: some }, { wait: true }), manner);
  }

  async #send(id: string, request: PreparedRequest) {
    const { nodes, face, requestTimeoutMs, signal } = this.#deps;
    signal.throwIfAborted();
    const node = await this.node(id);
    // A read may be cut short; a write that is on its way is waited for.
    const answer = await nodes.send(
      node,
      face,
      request,
      request.kind === "read" ? { timeoutMs: requestTimeoutMs, signal } : { timeoutMs: requestTimeoutMs },
      [],
    );
    if (answer.failure) {
      signal.throwIfAborted();
      return { failure: answer.failure, body: nothing };
    }
    return { body: answer.body };
  }

  #retry() {
    const { clock, signal, patienceMs } = this.#deps;
    const untilMs = clock.nowMs() + patienceMs;
    let waitMs = firstRetryMs;
    return {
      over: () => clock.nowMs() >= untilMs,
      wait: async () => {
        await clock.sleep(waitMs, signal);
        waitMs = Math.min(slowestRetryMs, waitMs * 2);
      },
    };
  }
}

const nothing = Buffer.alloc(0);

function refused(id: string, message: string): RagctlError {
  return halfDone(`Node ${message}`, "store-refused", id);
}

export function chunks<T>(list: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < list.length; at += size) result.push(list.slice(at, at + size));
  return result;
}
