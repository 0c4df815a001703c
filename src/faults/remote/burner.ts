import type { Burner, BurnSpec, SshTarget } from "../contract.ts";
import { healScript, presentScript } from "./deadman.ts";
import { shellLine, shellWord } from "./quote.ts";
import { endBridge, injectRemote, renewRemote } from "./renewals.ts";
import { runRemote } from "./ssh.ts";

/** Burns cores, memory and disk with what any Unix has; its own timer ends it. */
export function remoteBurner(target: SshTarget): Burner {
  return {
    async start({ id, ttlMs, burn }, deps) {
      const said = await injectRemote(target, { ...traces(id), ttlMs, apply: burning(burn, id) }, deps);
      const [, pid, startTime] = said.find(([word]) => word === "timer")!;
      return { pid: Number(pid), startTime: startTime! };
    },
    async renew(id, deps) {
      try {
        await renewRemote(target, id, deps);
        return true;
      } catch (error) {
        if ((error as { code?: string }).code === "remote-lease-lost") return false;
        throw error;
      }
    },
    async stop(id, deps) {
      endBridge(id);
      await runRemote(target, healScript(traces(id)), deps);
    },
    async runs(id, deps) {
      const said = await runRemote(target, presentScript(traces(id)), deps);
      return said.some(([word, answer]) => word === "present" && answer !== "no");
    },
  };
}

function burning({ cpuShare = 0, memoryBytes = 0, disk }: BurnSpec["burn"], id: string): string {
  return [
    ...(cpuShare > 0 ? [shellLine("burn_cpu", Math.round(cpuShare * 1000))] : []),
    ...(memoryBytes > 0 ? [shellLine("burn_memory", Math.round(memoryBytes))] : []),
    ...(disk ? [shellLine("burn_disk", disk.dir, Math.round(disk.bytes), id)] : []),
  ].join(" &&\n");
}

function traces(id: string) {
  return { id, undo: "burn_end", present: `base\nDIR=$BASE/${shellWord(id)}\nburn_there` };
}
