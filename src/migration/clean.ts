import { selectorRanges } from "../sharding/moves.ts";
import { field, type Selector } from "../sharding/table.ts";
import type { Filter } from "../stores/contract.ts";
import { scanPoints, type Seen } from "./compare.ts";
import type { MoverDeps } from "./contract.ts";
import { chunks, type NodeIo } from "./io.ts";
import { axesOf, selectorFilters } from "./positions.ts";
import type { TableAccess } from "./table.ts";
import { halfDone } from "./trouble.ts";

const pageSize = 500;
/** Conditions in one filter at most. */
const deletesAtOnce = 100;
const lookEveryMs = 250;
const slackMs = 500;

export interface Leftovers {
  node: string;
  selector: Selector;
  /** Of those, only what goes to these new positions. */
  into?: Selector | undefined;
  /** It leaves the cluster: what it holds does not matter where it cannot be reached. */
  leaves: boolean;
  /** For people. */
  name: string;
}

/**
 * Step 6 of a tracked copy: deletes what a node does not own any more, page by page, each page only if the table still says so and the
 * lock outlives the request. A node that leaves the cluster and does not answer is left as it is.
 * @returns points deleted
 * @throws RagctlError exit 5 where the node does not answer, Unanswered where a delete was not answered
 */
export async function cleanLeftovers(io: NodeIo, table: TableAccess, deps: MoverDeps, what: Leftovers): Promise<number> {
  const { node, selector, into } = what;
  if (selectorRanges(selector).length === 0 || !(await table.read()).table.nodes[node]) return 0;
  if (!(await fitToClean(io, table, deps, what))) return 0;
  let deleted = 0;
  for (const filter of selectorFilters(selector, axesOf(await table.read()), into))
    for await (const page of scanPoints(io, deps, node, filter, Math.min(pageSize, deps.capabilities.maxBatch))) {
      const routing = await table.read();
      const index = routing.indexOf.get(node);
      if (index === undefined) return deleted;
      const left = page.filter(({ payload }) => {
        const place = routing.placeOf(payload);
        if (!place) return false;
        const { owners, moves } = routing.setAt(place.position, place.to);
        // What is on its way there, or owned there, stays.
        return !owners.includes(index) && !moves.some((move) => move.to === node);
      });
      await deps.governor.calm(deps.signal);
      if (routing.elsewhere) await removeExactly(io, deps, node, left);
      else
        await io.remove(
          node,
          left.map(({ id }) => id),
        );
      deleted += left.length;
    }
  return deleted;
}

/** Where a new vector can put a key anywhere: a point that was written since it was looked at may belong there, and stays. */
export async function removeExactly(
  io: NodeIo,
  { face }: Pick<MoverDeps, "face">,
  node: string,
  points: readonly Pick<Seen, "id" | "version">[],
): Promise<void> {
  for (const some of chunks(points, deletesAtOnce)) {
    const should = some.map(({ id, version }): Filter => {
      return { must: [{ has_id: [id] }, ...(version === undefined ? [] : [{ key: field.version, match: { value: version } }])] };
    });
    await io.write(node, face.prepareDelete({ filter: { should } }, { wait: true }));
  }
}

/** Waits until late arrivals on a stale or quiet node have landed; false: it leaves anyway, and cannot be reached. */
async function fitToClean(io: NodeIo, table: TableAccess, deps: MoverDeps, { node, name, leaves }: Leftovers): Promise<boolean> {
  const { clock, signal, requestTimeoutMs, patienceMs, note } = deps;
  const untilMs = clock.nowMs() + patienceMs;
  let answeredAtMs: number | undefined;
  for (;;) {
    const entry = (await table.read()).table.nodes[node];
    if (!entry) return false;
    const answers = await io.answers(node);
    const doubtful = entry.state === "stale" || entry.quiet !== undefined;
    if (answers) {
      if (!doubtful) return true;
      answeredAtMs ??= clock.nowMs();
      if (clock.nowMs() - answeredAtMs >= requestTimeoutMs + slackMs) return true;
    } else {
      answeredAtMs = undefined;
      if (leaves) {
        note(`${name}: ${node} leaves the cluster and does not answer; what it holds is left there`);
        return false;
      }
      if (clock.nowMs() >= untilMs)
        throw halfDone(`${name}: node ${node} does not answer, and still holds what it does not own.`, "node-unreachable");
    }
    await clock.sleep(lookEveryMs, signal);
  }
}
