import type { PreparedRequest } from "../../../src/http/contract.ts";
import type { Rng } from "../../../src/runtime.ts";
import { createRouting, field, transitions, type Routing, type RoutingTable } from "../../../src/sharding/index.ts";
import { unmatchedIds, type StateStore, type TouchedRecord } from "../../../src/state/index.ts";
import type { Filter, Point, PointId } from "../../../src/stores/contract.ts";
import type { EventClock } from "../../helpers/sim/event-clock.ts";
import type { SimNetwork } from "../../helpers/sim/network.ts";

class Stopped extends Error {
  /** A write of ours was not answered and may still land, so nothing may be written there again: the move is over. */
  readonly mayLand: boolean;
  constructor(message: string, mayLand = false) {
    super(message);
    this.mayLand = mayLand;
  }
}

/**
 * A mover as plain as can be, to see whether the client keeps its side of the tracked copy (ROUTING.md, steps 1 to 6): one attempt at
 * one move, given up at the first trouble, and sometimes simply gone in the middle. What really moves data is the migration's.
 */
export async function moveOnce(sim: {
  state: StateStore;
  network: SimNetwork;
  clock: EventClock;
  rng: Rng;
  collection: string;
  requestTimeoutMs: number;
  from: string;
  to: string;
}): Promise<"done" | "gave up" | "crashed"> {
  const { state, network, clock, rng, collection, requestTimeoutMs, from, to } = sim;
  const face = network.driver().data(collection);
  const id = `move-${from}-${to}`;
  const crashAt = rng() < 0.3 ? Math.floor(rng() * 12) : Infinity;
  let steps = 0;
  const step = () => {
    if (steps++ === crashAt) throw new Stopped("crashed");
  };

  const change = async (
    next: (table: RoutingTable, routing: Routing) => transitions.Transition | "unchanged",
  ): Promise<RoutingTable> => {
    for (;;) {
      const table = (await state.getTable(collection))!;
      const changed = next(table, createRouting(table));
      if (changed === "unchanged") return table;
      if ("refused" in changed) throw new Stopped(changed.refused);
      if (await state.compareAndSet(changed.table)) return changed.table;
    }
  };
  const confirmed = async (epoch: number, forMs: number) => {
    const untilMs = clock.nowMs() + forMs;
    for (;;) {
      const leases = await state.leases();
      const waiting = leases.some(({ remainingMs, confirmed }) =>
        remainingMs > -requestTimeoutMs ? confirmed[collection] !== undefined && confirmed[collection] < epoch : false,
      );
      if (!waiting) return;
      if (clock.nowMs() > untilMs) throw new Stopped("not everybody confirmed");
      await clock.sleep(50);
    }
  };
  const ask = async (node: string, request: PreparedRequest): Promise<Buffer> => {
    try {
      return (await network.pool(`http://${node}`).send(request, { timeoutMs: requestTimeoutMs })).body;
    } catch (error) {
      throw new Stopped((error as Error).message, request.kind === "write");
    }
  };
  const table = (await state.getTable(collection))!;
  const routing = createRouting(table);
  const index = routing.indexOf.get(from)!;
  const target = routing.indexOf.get(to)!;
  const ranges = routing.segments
    .filter(({ set }) => set.read.includes(index) && !set.owners.includes(target) && rng() < 0.7)
    .map(({ lo, hi }): [number, number] => [lo, hi]);
  if (ranges.length === 0) return "gave up";
  const filter: Filter = { should: ranges.map(([gte, lt]) => ({ key: field.hash, range: { gte, lt } })) };
  const scan = async (node: string): Promise<Point[]> => {
    const all: Point[] = [];
    let offset: PointId | undefined;
    do {
      step();
      const body = await ask(node, face.prepareScroll({ filter, limit: 2, ...(offset === undefined ? {} : { offset }) }));
      const page = face.parseScroll(body);
      all.push(...page.points);
      offset = page.next;
    } while (offset !== undefined);
    return all;
  };
  const carry = async (ids: PointId[]) => {
    if (ids.length === 0) return;
    step();
    const points = face.parseFetch(await ask(from, face.prepareFetch(ids, { withPayload: true, withVector: true })));
    const gone = ids.filter((one) => !points.some((point) => point.id === one));
    if (points.length > 0) await ask(to, face.prepareUpsert(points, { wait: true }));
    if (gone.length > 0) await ask(to, face.prepareDelete({ ids: gone }, { wait: true }));
  };

  try {
    const announced = await change((now, view) =>
      transitions.announceMoves(now, [{ id, from, to, selector: { kind: "ranges", ranges } }], view),
    );
    await confirmed(announced.epoch, 15_000);
    const source = await scan(from);
    const stray = (await scan(to)).filter((point) => !source.some((other) => other.id === point.id)).map((point) => point.id);
    step();
    if (source.length > 0) await ask(to, face.prepareUpsert(source, { wait: true }));
    if (stray.length > 0) await ask(to, face.prepareDelete({ ids: stray }, { wait: true }));
    let log: TouchedRecord[] = [];
    const drain = async () => {
      const fresh = await state.readTouched(collection, id, log.at(-1)?.seq ?? 0, 1000);
      await carry([...new Set(fresh.map((entry) => entry.id))]);
      log = [...log, ...fresh];
    };
    for (let pass = 0; pass < 3; pass++) {
      await clock.sleep(rng() * 300);
      await drain();
    }
    for (let attempt = 0; ; attempt++) {
      step();
      const paused = await change((now) => transitions.startPause(now, [id]));
      const pause = paused.moves.find((move) => move.id === id)!.pause;
      try {
        await confirmed(paused.epoch, 3_000);
        await drain();
        await carry([...unmatchedIds(log)]);
        step();
        const done = await change((now, view) => transitions.cutOver(now, new Map([[id, pause]]), view));
        await confirmed(done.epoch, 30_000);
        const left = (await scan(from)).map((point) => point.id);
        if (left.length > 0) await ask(from, face.prepareDelete({ ids: left }, { wait: true }));
        return "done";
      } catch (error) {
        if (!(error instanceof Stopped) || error.message === "crashed" || error.mayLand || attempt > 2) throw error;
        await change((now) => transitions.endPause(now, id, pause));
        await drain();
      }
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    if (error.message === "crashed") return "crashed";
    await change((now) => {
      const dropped = transitions.dropMove(now, id);
      return dropped !== "unchanged" && "refused" in dropped ? "unchanged" : dropped;
    });
    return "gave up";
  }
}
