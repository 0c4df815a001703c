import { RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import type { StateStore } from "../../state/contract.ts";
import type { TableWatch } from "../watch.ts";

/** How often reads look whether there is a state store by now. */
const lookEveryUs = 1_000_000;

export interface OpenTables {
  watch: TableWatch;
  state: StateStore;
}

export interface TablesSource {
  /** While nobody has made the state store there is no table of any collection. Cheap: asked before every write. */
  absent(): boolean;
  /** @throws RagctlError exit 2 or 3 */
  open(): Promise<OpenTables>;
}

/**
 * The state store of a native cluster, which most have no use for: what nobody has made is not made to read that there is nothing in it. A client
 * then holds no lease. That is safe since it looks before each write whether there is one by now, and whoever makes a table waits for one request
 * timeout before it counts on anything (ROUTING.md, "Cells of a native cluster").
 */
export class NativeTables {
  readonly #source: TablesSource;
  readonly #clock: Clock;
  #open: OpenTables | undefined;
  #opening: Promise<OpenTables> | undefined;
  #failure: RagctlError | undefined;
  #absentUntilUs = -Infinity;

  constructor(source: TablesSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Opened already. */
  get opened(): OpenTables | undefined {
    return this.#open;
  }

  /** Why it could not be opened, when that was last tried. */
  get failure(): RagctlError | undefined {
    return this.#failure;
  }

  /** @param lately what was so within the last second will do */
  absent(lately = false): boolean {
    if (this.#open) return false;
    const nowUs = this.#clock.monotonicUs();
    if (lately && nowUs < this.#absentUntilUs) return true;
    const absent = this.#source.absent();
    this.#absentUntilUs = absent ? nowUs + lookEveryUs : -Infinity;
    return absent;
  }

  /** Undefined where there is none. @throws RagctlError exit 2 or 3 where it cannot be opened */
  async get(): Promise<OpenTables | undefined> {
    if (this.#open) return this.#open;
    if (this.absent()) return undefined;
    this.#opening ??= this.#source.open().finally(() => (this.#opening = undefined));
    try {
      this.#open = await this.#opening;
      this.#failure = undefined;
      return this.#open;
    } catch (error) {
      if (error instanceof RagctlError) this.#failure = error;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    await this.#open?.watch.close();
  }
}
