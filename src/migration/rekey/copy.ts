import { cutOverCopy, endCopyPause, pauseCopy } from "../../sharding/native-table.ts";
import type { NativeTable } from "../../sharding/table.ts";
import type { PointId } from "../../stores/contract.ts";
import { mergedScans } from "../beside/merged.ts";
import { confirmedWithin, noneUndecided } from "../confirm.ts";
import { idKey } from "../positions.ts";
import type { TableAccess } from "../table.ts";
import { TouchedLog } from "../touched-log.ts";
import { Unsettled, type RekeyDeps } from "./contract.ts";
import { gaveUp, RekeyIo } from "./io.ts";

/** Steps 2 to 5 of the tracked copy (ROUTING.md) for a native cluster: everything, from one collection of the store into another. */
const quickDrainMs = 500;
const maxDrains = 20;
const pauseWithinMs = 1_500;
const leastAttempts = 8;
const carryAtOnce = 2_000;

class Again extends Error {}

/** @returns once clients read the new collection. @throws RagctlError exit 5 where it does not get on */
export async function copyAndSwitch(copy: NonNullable<NativeTable["copy"]>, table: TableAccess, deps: RekeyDeps): Promise<void> {
  const { table: now } = await table.read();
  const io = new RekeyIo(deps, now, copy);
  const log = new TouchedLog(deps.state, deps.collection, copy.id);
  const work = new RekeyCopy(copy.id, io, log, table, deps);
  let lastWhy = "";
  const beganMs = deps.clock.nowMs();
  for (let attempt = 1; attempt <= leastAttempts || deps.clock.nowMs() - beganMs < deps.patienceMs; attempt++) {
    try {
      if (attempt > 1 || deps.unclean) await landed(deps);
      return await work.run();
    } catch (error) {
      if (!(error instanceof Again || error instanceof Unsettled)) throw error;
      lastWhy = error.message;
      deps.note(`begins a comparison anew: ${lastWhy}`);
    }
  }
  throw gaveUp(lastWhy);
}

/** What an earlier attempt, or a mover before us, has sent lands before anything is compared: one request timeout after all nodes answer. */
async function landed({ governor, clock, requestTimeoutMs, signal }: RekeyDeps): Promise<void> {
  await governor.calm(signal);
  await clock.sleep(requestTimeoutMs, signal);
}

class RekeyCopy {
  readonly #id: string;
  readonly #io: RekeyIo;
  readonly #log: TouchedLog;
  readonly #table: TableAccess;
  readonly #deps: RekeyDeps;

  constructor(id: string, io: RekeyIo, log: TouchedLog, table: TableAccess, deps: RekeyDeps) {
    this.#id = id;
    this.#io = io;
    this.#log = log;
    this.#table = table;
    this.#deps = deps;
  }

  async run(): Promise<void> {
    const { journal } = this.#deps;
    await this.#endPause();
    journal.record("copy", "start");
    await this.#copy();
    journal.record("copy", "end");
    journal.record("drain", "start");
    await this.#drain();
    journal.record("drain", "end");
    journal.record("compare", "start");
    await this.#compare();
    journal.record("compare", "end");
    await this.#switch();
  }

  /** That a mover before us has died in: its own writers may all have gone. */
  async #endPause(): Promise<void> {
    const { copy } = (await this.#table.read()).table.native!;
    if (copy?.phase === "paused") await this.#table.change((now) => endCopyPause(now, this.#id, copy.pause));
  }

  /** Everything that the two hold differently; of a target that is empty yet, that is everything. */
  async #copy(): Promise<void> {
    const fresh = await this.#io.targetIsEmpty();
    let some: PointId[] = [];
    const flush = async () => {
      await this.#deps.governor.calm(this.#deps.signal);
      await this.#io.carry(some, { fresh });
      some = [];
    };
    for await (const id of this.#differences()) {
      some.push(id);
      if (some.length >= carryAtOnce) await flush();
    }
    await flush();
  }

  async *#differences(): AsyncGenerator<PointId> {
    const sources = this.#io.sources().map((pages) => ({ of: null, pages }));
    const scans = [...sources, ...this.#io.targets()];
    for await (const { id, copies } of mergedScans<string | undefined | null>(scans)) {
      const here = this.#io.serving(copies.filter(({ of }) => of === null).map(({ seen }) => seen));
      const there = copies.filter(({ of }) => of !== null);
      const [one] = there;
      const alike =
        here && one && there.length === 1 && one.seen.version === here.version && this.#io.lies(one.seen, one.of ?? undefined);
      if (!alike) yield id;
    }
  }

  async #drain(): Promise<void> {
    const { clock, signal, governor } = this.#deps;
    for (let pass = 0; pass < maxDrains; pass++) {
      signal.throwIfAborted();
      const beganMs = clock.nowMs();
      await this.#log.read();
      await this.#carryTouched(this.#log.takePending());
      if (clock.nowMs() - beganMs < quickDrainMs) return;
      await governor.calm(signal);
    }
  }

  async #carryTouched(ids: readonly PointId[], urgent = false): Promise<void> {
    try {
      await this.#io.carry(ids, { urgent });
    } catch (error) {
      this.#log.putBack(ids);
      throw error;
    }
  }

  /** Of all that nobody touched meanwhile. */
  async #compare(): Promise<void> {
    this.#log.mark();
    const found: PointId[] = [];
    for await (const id of this.#differences()) found.push(id);
    await this.#log.read();
    const left = this.#log.leftOut();
    const wrong = found.filter((id) => !left.has(idKey(id)));
    if (wrong.length > 0) throw new Again(`${wrong.length} points differ`);
  }

  async #switch(): Promise<void> {
    const { journal, fence, state, clock, note } = this.#deps;
    await this.#drain();
    await noneUndecided(this.#deps);
    journal.record("pause", "start");
    const paused = await this.#table.change((now) => pauseCopy(now, this.#id));
    if (typeof paused.outcome === "object") throw new Again(paused.outcome.refused);
    const { epoch, native } = paused.routing.table;
    const { pause } = native!.copy!;
    const beganMs = clock.nowMs();
    try {
      if (!(await confirmedWithin(this.#deps, epoch, pauseWithinMs))) throw new Again("a client has not taken in the pause");
      await this.#log.read();
      const left = this.#log.leftOut();
      await this.#carryTouched(this.#log.takePending(true), true);
      const wrong = await this.#io.differing([...left.values()]);
      if (wrong.length > 0) throw new Again(`${wrong.length} points that were touched differ`);
      fence.ensure();
      journal.record("cut-over", "start");
      const cut = await this.#table.change((now) => cutOverCopy(now, this.#id, pause));
      if (typeof cut.outcome === "object") throw new Again(cut.outcome.refused);
    } catch (error) {
      await this.#table.change((now) => endCopyPause(now, this.#id, pause)).catch(() => undefined);
      throw error;
    }
    journal.record("cut-over", "end");
    note(`writes were held for ${Math.round(clock.nowMs() - beganMs)} ms`);
    await state.dropTouched(this.#deps.collection, this.#id);
  }
}
