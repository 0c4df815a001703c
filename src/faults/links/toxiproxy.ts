import { ExitCode, RagctlError } from "../../errors.ts";
import type { FaultDeps, Impairment, Link, ToxiproxyTarget } from "../contract.ts";
import { ToxiproxyApi, type Toxic } from "../toxiproxy-api.ts";

const streams = ["upstream", "downstream"] as const;
const nameOf = (id: string, stream: Toxic["stream"]) => `ragctl-${id}-${stream}`;
const isOf = (id: string) => {
  const names = new Set(streams.map((stream) => nameOf(id, stream)));
  return ({ name }: Toxic) => names.has(name);
};
const bytesPerKilobyte = 1_000;
/** Within the head of any answer. */
const cutAfterBytes = 64;

/** The connections through a proxy of a toxiproxy server: toxics that carry the record's id in their names. */
export function toxiproxyLink(target: ToxiproxyTarget): Link {
  const api = new ToxiproxyApi(target.api, target.proxy);
  return {
    supports,

    async add(impairment, deps) {
      for (const toxic of toxicsOf(impairment)) await api.addToxic(toxic, deps);
    },

    /** Looks, and does not add: a late renewal would bring back what somebody has healed. */
    async renew(id, deps) {
      const proxy = await api.read(deps);
      if (proxy?.toxics.some(isOf(id))) return;
      throw new RagctlError(`the toxics of ${id} are no longer at ${target.api}`, {
        code: "remote-lease-lost",
        exitCode: ExitCode.unreachable,
        hint: "somebody took them away, or the server was started again",
      });
    },

    remove: (id, deps) => remove(api, target, id, deps),

    async has(id, deps) {
      const proxy = await api.read(deps);
      // Disabled or missing, it is on its way from one to the other: healing was cut short.
      return !proxy?.enabled || proxy.toxics.some(isOf(id));
    },
  };
}

function supports({
  kind,
  from,
  distribution,
  jitterMs = 0,
  bytesPerSec = bytesPerKilobyte,
}: Omit<Impairment, "id">): true | string {
  if (kind === "loss") return "toxiproxy carries bytes and not packets, so it can lose none: a latency with jitter comes near it";
  if (kind === "wrong-answers") return "toxiproxy does not read answers: the proxy of `ragctl up` does";
  if (from !== undefined)
    return "toxiproxy treats all clients alike: give each client a proxy of its own, or take iptables (ssh)";
  if (kind === "latency" && jitterMs > 0 && distribution !== undefined && distribution !== "uniform")
    return `toxiproxy spreads jitter uniformly, and not by ${distribution}`;
  if (kind === "bandwidth" && bytesPerSec < bytesPerKilobyte) return "toxiproxy cannot go below 1 kB/s";
  return true;
}

/**
 * The toxics that an impairment is made of. A partition is `timeout` 0: bytes are swallowed and connections stay open, those
 * made before included, as when packets vanish; a disabled proxy would refuse at once, which is what a dead process does.
 * Bandwidth is each connection's own, and so is what `reset` counts: toxiproxy knows no answers.
 */
export function toxicsOf(impairment: Impairment): Toxic[] {
  const { id, kind, direction, delayMs = 0, jitterMs = 0, bytesPerSec = 0, afterBytes = cutAfterBytes, ratio = 1 } = impairment;
  const of = (type: string, attributes: Record<string, number>, toxicity = 1) =>
    streams
      .filter((stream) => direction === "both" || (direction === "to-node") === (stream === "upstream"))
      .map((stream): Toxic => ({ name: nameOf(id, stream), type, stream, toxicity, attributes }));
  switch (kind) {
    case "partition":
      return of("timeout", { timeout: 0 });
    case "latency":
      return of("latency", { latency: Math.round(delayMs), jitter: Math.round(jitterMs) });
    case "bandwidth":
      return of("bandwidth", { rate: Math.max(1, Math.round(bytesPerSec / bytesPerKilobyte)) });
    case "reset":
      return of("limit_data", { bytes: Math.max(1, afterBytes) }, ratio);
    case "loss":
    case "wrong-answers":
      throw new Error(`toxiproxy has no ${kind}`);
  }
}

/**
 * Closes the connections, which discards what the proxy still holds, and puts a new proxy of the same name in the old one's place. Taking a toxic
 * away while connections run can hang the server for good (toxiproxy#558: it waits for a client that does not read, and holds
 * the lock that every other request needs). Where the proxy has toxics of somebody else, who may be healing at this moment, only
 * ours go, after the connections have had time to end.
 */
async function remove(api: ToxiproxyApi, target: ToxiproxyTarget, id: string, deps: FaultDeps): Promise<void> {
  const found = await api.read(deps);
  const ours = found?.toxics.filter(isOf(id)) ?? [];
  if (found?.enabled && ours.length === 0) return;
  if (found) await api.enable(false, deps);
  if (found && found.toxics.length > ours.length) {
    if (ours.length > 0) await deps.clock.sleep(drainMs(found.toxics), deps.signal);
    for (const { name } of ours) await api.deleteToxic(name, deps);
  } else {
    if (found) await api.delete(deps);
    const { listen, upstream } = found ?? target;
    await api.create({ name: target.proxy, listen, upstream, enabled: false }, deps);
  }
  await api.enable(true, deps);
}

/** A closed connection is gone for toxiproxy when the bytes that wait in its toxics have waited long enough. */
function drainMs(toxics: readonly Toxic[]): number {
  const delays = toxics.map(({ attributes: { latency = 0, jitter = 0 } }) => latency + jitter);
  return Math.min(3_000, 200 + Math.max(0, ...delays));
}
