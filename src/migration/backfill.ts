import type { Place, Routing } from "../sharding/owners.ts";
import { beginMoving } from "../sharding/partitioner-change.ts";
import { beginFilling } from "../sharding/spill.ts";
import { field } from "../sharding/table.ts";
import type { Filter, Point, PointId } from "../stores/contract.ts";
import { versionIn } from "./compare.ts";
import type { MoverDeps } from "./contract.ts";
import { NodeIo } from "./io.ts";
import { idKey } from "./positions.ts";
import { TableAccess } from "./table.ts";
import { halfDone, NodeTrouble, Unanswered } from "./trouble.ts";

/** Components of one page's vectors at most: a few megabytes. */
const componentsPerPage = 500_000;
const mostPerPage = 1_000;
const atOnce = 8;
const lookEveryMs = 500;

/**
 * Stamps the new model's cell (or the second cell, where copies are to be kept near boundaries) on what no writer has touched since all writers stamp it, until no node holds a point without; then points may
 * move. A cell is computed once and set on all owners, so that replicas agree; where one has it already (an earlier run, a writer), that
 * one counts. What is stamped stays so: it goes on where it was stopped.
 * @returns copies that were stamped
 * @throws RagctlError exit 5 where nodes do not answer, or one stays stale
 */
export async function backfill(name: string, deps: MoverDeps): Promise<number> {
  return await new Backfill(name, deps).run();
}

class Backfill {
  readonly #name: string;
  readonly #deps: MoverDeps;
  readonly #table: TableAccess;
  readonly #io: NodeIo;
  #stamped = 0;

  constructor(name: string, deps: MoverDeps) {
    this.#name = name;
    this.#deps = deps;
    this.#table = new TableAccess(deps.state, deps.collection, deps.physical);
    this.#io = new NodeIo(deps, this.#table);
  }

  async run(): Promise<number> {
    const { note, clock, signal } = this.#deps;
    for (;;) {
      const routing = await this.#allWell();
      const { transition, spill, nodes } = routing.table;
      if ((transition ?? spill)?.phase !== "stamping") return this.#stamped;
      const repairs = new Map(Object.entries(nodes).map(([id, { repairs: times = 0 }]) => [id, times]));
      try {
        // Counted by the last look, which finds nothing more to do.
        while ((await this.#fillAll(routing)) > 0);
        const { outcome } = await this.#table.change((table) => (transition ? beginMoving : beginFilling)(table, repairs));
        if (typeof outcome !== "object") return this.#stamped;
        note(`${this.#name}: ${outcome.refused}; it is looked at anew`);
      } catch (error) {
        if (error instanceof NodeTrouble) throw halfDone(`Node ${error.message}`, "node-unreachable", error);
        if (!(error instanceof Unanswered)) throw error;
        note(`${this.#name}: ${error.message}; it is looked at anew`);
      }
      await clock.sleep(lookEveryMs, signal);
    }
  }

  /** Waits until no node is stale or quiet: what it holds would not be known. */
  async #allWell(): Promise<Routing> {
    const { clock, signal, patienceMs, note } = this.#deps;
    const untilMs = clock.nowMs() + patienceMs;
    for (let said = false; ; said = true) {
      const routing = await this.#table.read();
      const ill = Object.entries(routing.table.nodes).find(([, { state, quiet }]) => state === "stale" || quiet !== undefined);
      if (!ill) return routing;
      if (!said) note(`${this.#name}: waits for ${ill[0]}, which is ${ill[1].state === "stale" ? "stale" : "quiet"}`);
      if (clock.nowMs() >= untilMs)
        throw halfDone(`${this.#name}: node ${ill[0]} is ${ill[1].state === "stale" ? "stale" : "quiet"}.`, "node-unavailable");
      await clock.sleep(lookEveryMs, signal);
    }
  }

  async #fillAll(routing: Routing): Promise<number> {
    let found = 0;
    for (const [id, { state }] of Object.entries(routing.table.nodes))
      if (state !== "joining") found += await this.#fill(id, routing);
    return found;
  }

  /** @returns points that one node held without a stamp */
  async #fill(node: string, routing: Routing): Promise<number> {
    const { face, governor, signal, capabilities } = this.#deps;
    const name = newField(routing);
    const { size } = routing.table.vector;
    const limit = Math.max(1, Math.min(mostPerPage, capabilities.maxBatch, Math.floor(componentsPerPage / size)));
    const fields = await this.#io.stampFields();
    let found = 0;
    let offset: PointId | undefined;
    do {
      await governor.calm(signal);
      const request = face.prepareScroll({
        filter: { must: [{ is_empty: { key: name } }] },
        limit,
        withVector: true,
        withPayload: fields,
        ...(offset === undefined ? {} : { offset }),
      });
      const page = await this.#io.read(node, request, (body) => face.parseScroll(body));
      if (page.points.length > 0) await this.#stamp(node, page.points, routing);
      found += page.points.length;
      offset = page.next;
    } while (offset !== undefined);
    return found;
  }

  async #stamp(node: string, points: readonly Point[], routing: Routing): Promise<void> {
    const { throttle, signal } = this.#deps;
    const ownersOf = new Map<string, PointId[]>([[node, points.map(({ id }) => id)]]);
    for (const { id, payload } of points) {
      const place = routing.placeOf(payload);
      if (!place || place.position < 0) continue;
      for (const owner of routing.setAt(place.position).write) {
        const other = routing.nodeIds[owner]!;
        if (other !== node) ownersOf.set(other, [...(ownersOf.get(other) ?? []), id]);
      }
    }
    const known = await this.#known(node, points, ownersOf, routing);
    const cells = new Map<string, number>();
    for (const { id, vector, payload } of points) {
      const cell = known.get(idKey(id)) ?? (vector ? cellFor(routing, vector, routing.placeOf(payload)) : undefined);
      if (cell !== undefined) cells.set(idKey(id), cell);
    }
    const work: { to: string; cell: number; ids: PointId[] }[] = [];
    for (const [to, ids] of ownersOf) {
      const byCell = new Map<number, PointId[]>();
      for (const id of ids) {
        const cell = cells.get(idKey(id));
        if (cell !== undefined) byCell.set(cell, [...(byCell.get(cell) ?? []), id]);
      }
      for (const [cell, some] of byCell) work.push({ to, cell, ids: some });
    }
    await throttle.take(points.length, 0, signal);
    const queue = work.values();
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (const { to, cell, ids } of queue) await this.#set(to, ids, newField(routing), cell);
      }),
    );
    this.#stamped += points.length;
  }

  /** Only where the field is still empty: what a writer has put there meanwhile is of its own vector. */
  async #set(node: string, ids: readonly PointId[], name: string, cell: number): Promise<void> {
    const filter: Filter = { must: [{ has_id: [...ids] }, { is_empty: { key: name } }] };
    await this.#io.write(node, this.#deps.face.prepareSetPayload({ filter }, { [name]: cell }, { wait: true }));
  }

  /** Cells that another owner has of the very same version. */
  async #known(
    node: string,
    points: readonly Point[],
    ownersOf: ReadonlyMap<string, readonly PointId[]>,
    routing: Routing,
  ): Promise<Map<string, number>> {
    const name = newField(routing);
    const versions = new Map(points.map(({ id, payload }) => [idKey(id), versionIn(payload)]));
    const known = new Map<string, number>();
    for (const [other, ids] of ownersOf) {
      if (other === node) continue;
      for (const { id, payload } of await this.#io.fetch(other, ids, { withVector: false, withPayload: [name, field.version] })) {
        const cell = payload?.[name];
        if (typeof cell === "number" && versionIn(payload) === versions.get(idKey(id))) known.set(idKey(id), cell);
      }
    }
    return known;
  }
}

/** What is stamped on a vector that lies there. */
function cellFor({ table, stamper }: Routing, vector: ArrayLike<number>, place: Place | undefined): number | undefined {
  if (table.transition) return stamper.cellsTo(vector, 1)[0];
  return stamper.secondOf(vector, place?.position ?? stamper.cellsOf(vector, 1)[0]!);
}

function newField({ table }: Routing): string {
  if (!table.transition) return table.spill!.field;
  const { to } = table.transition;
  return to.kind === "semantic" ? (to.field ?? field.cell) : field.hash;
}
