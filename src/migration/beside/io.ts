import type { DataFace } from "../../stores/contract.ts";
import { scanPoints, type Seen } from "../compare.ts";
import type { MoverDeps } from "../contract.ts";
import { NodeIo } from "../io.ts";
import type { TableAccess } from "../table.ts";
import { halfDone } from "../trouble.ts";

const lookEveryMs = 250;
/** The answer may be this much older than what it is measured by. */
const slackMs = 500;

/**
 * Requests to a collection that nobody but this mover writes to or reads. A write that is not answered concerns nobody else, so no node is taken
 * out of service for it: what it may still do is awaited before anything is compared.
 */
export class BesideIo extends NodeIo {
  readonly #own: MoverDeps;
  readonly #face: DataFace;
  readonly #fields: string[];
  readonly #doubtful = new Set<string>();

  constructor(deps: MoverDeps, table: TableAccess, { face, fields }: { face: DataFace; fields: string[] }) {
    super({ ...deps, face }, table);
    this.#own = deps;
    this.#fields = fields;
    this.#face = face;
  }

  override setAside(id: string): Promise<void> {
    this.#doubtful.add(id);
    // Whoever takes the lock next must wait for it as well.
    this.#own.fence.leaveUnclean();
    return Promise.resolve();
  }

  override stampFields(): Promise<string[]> {
    return Promise.resolve(this.#fields);
  }

  /** All that a node has of it, in ascending order of id. */
  scan(node: string): AsyncGenerator<Seen[]> {
    return scanPoints(this, { face: this.#face, signal: this.#own.signal }, node, undefined);
  }

  /** Resolves when nothing of what was not answered can land any more: one request timeout after its node answers again. */
  async settled(): Promise<void> {
    const nodes = [...this.#doubtful];
    await Promise.all(nodes.map((node) => awaitLate(this, node, this.#own)));
    for (const node of nodes) this.#doubtful.delete(node);
  }
}

/**
 * Resolves one request timeout after a node was seen to answer: what it was sent before that has landed.
 * @throws RagctlError exit 5 where it does not answer
 */
export async function awaitLate(io: NodeIo, node: string, deps: MoverDeps): Promise<void> {
  const { clock, signal, requestTimeoutMs, patienceMs, note } = deps;
  const untilMs = clock.nowMs() + patienceMs;
  let told = false;
  while (!(await io.answers(node))) {
    if (!told) note(`waiting for ${node}, which does not answer`);
    told = true;
    if (clock.nowMs() >= untilMs) throw halfDone(`Node ${node} does not answer.`, "node-unreachable");
    await clock.sleep(lookEveryMs, signal);
  }
  await clock.sleep(requestTimeoutMs + slackMs, signal);
}
