import { ExitCode, RagctlError } from "../errors.ts";
import { thisHost } from "../cluster/this-host.ts";
import { isAlive } from "../process-identity.ts";
import type { Lock, StateStore } from "../state/contract.ts";
import type { LockResult } from "./result.ts";

/** Every lock that is held, or was never given back. */
export async function listLocks(state: StateStore, cluster: string): Promise<LockResult> {
  const locks = await state.locks();
  return { cluster, store: state.description, released: [], locks: locks.map(shown) };
}

/**
 * Takes a lock from whoever holds it. Refused while that may be alive, unless forced.
 * @throws RagctlError exit 2 where nobody holds it, 7 where its holder may be at work
 */
export async function releaseLock(state: StateStore, cluster: string, name: string, force: boolean): Promise<LockResult> {
  const lock = (await state.locks()).find((each) => each.name === name);
  if (!lock)
    throw new RagctlError(`Nobody holds a lock "${name}" in cluster ${cluster}.`, {
      code: "lock-unknown",
      exitCode: ExitCode.usage,
      hint: "ragctl lock show lists those that are held.",
    });
  const { alive, remainingMs, purpose, pid, host } = shown(lock);
  if (!force && alive !== false && remainingMs > 0)
    throw new RagctlError(
      `The lock "${name}" is held by ${purpose} (pid ${pid} on ${host}), which ${alive ? "runs" : "may run"}.`,
      {
        code: "lock-held",
        exitCode: ExitCode.refused,
        hint: "Stop that first. --force takes it away all the same: what it guards is then changed by two at once.",
      },
    );
  await state.releaseLock(name, lock.token);
  return { ...(await listLocks(state, cluster)), released: [name] };
}

function shown({ name, owner, token, acquiredAtMs, remainingMs }: Lock): LockResult["locks"][number] {
  const { purpose, host, pid } = owner;
  return { name, purpose, host, pid, alive: host === thisHost ? isAlive(owner) : null, acquiredAtMs, remainingMs, token };
}
