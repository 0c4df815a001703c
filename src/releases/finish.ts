import { settleLeftover, type Settled } from "../cluster/alias-switch.ts";
import type { AliasRecord } from "../sharding/alias-record.ts";
import { placesOf, type ReleaseAccess } from "./access.ts";

/** Settles the switch of one alias that somebody left, if there is one and nobody is at it. */
export async function finishSwitch(access: ReleaseAccess, record: AliasRecord, who: string): Promise<Settled | undefined> {
  if (!record.switch) return undefined;
  const { state, runtime, requestTimeoutMs } = access;
  return await settleLeftover(record.alias, {
    state,
    clock: runtime.clock,
    owner: access.owner(who),
    requestTimeoutMs,
    placesOf: (now) => placesOf(access, now),
  });
}

/** All of them: what a repair does beside, so that a node that was away has its aliases. @returns a sentence for each that was at issue */
export async function finishSwitches(access: ReleaseAccess, who: string): Promise<string[]> {
  const said: string[] = [];
  for (const record of await access.state.aliases()) {
    const settled = await finishSwitch(access, record, who);
    if (settled?.outcome === "undone")
      said.push(`the switch of ${record.alias} to ${record.switch!.to}, never decided, was undone`);
    if (settled?.outcome === "finished") said.push(`${record.alias} stands for ${record.switch!.to} on every node`);
    if (settled?.outcome === "unfinished")
      said.push(
        `${record.alias} does not stand for ${record.switch!.to} yet on ${settled.waiting.map(({ node }) => node).join(", ")}`,
      );
  }
  return said;
}
