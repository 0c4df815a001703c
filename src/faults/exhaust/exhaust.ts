import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fraction, sizeBytes } from "../../config/schema.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { BurnSpec, Fault, HealRecord, Target } from "../contract.ts";
import { hostOf, requireHost } from "../hosts/index.ts";
import { diskFile } from "./layout.ts";
import { burnerProblem } from "./local-burner.ts";
import { refuseTheLast, roomIn } from "./room.ts";

const options = z
  .strictObject({
    cpu: fraction.optional().describe("share of all cores that is kept busy, for example 80%"),
    memory: sizeBytes.optional().describe("memory that is taken, for example 1GiB"),
    disk: sizeBytes.optional().describe("space that is taken on the disk of the node's data, for example 1GiB"),
    dir: z
      .string()
      .startsWith("/", "expected an absolute path")
      .optional()
      .describe("where on the node's machine the space is taken; of nodes that up started, their data's own")
      .meta({ placeholder: "dir" }),
    keepDisk: sizeBytes.prefault("1GiB").describe("refused where less of the disk would stay free"),
  })
  .refine(({ cpu, memory, disk }) => [cpu, memory, disk].some((each) => each !== undefined && each > 0), {
    error: "say what shall be exhausted: --cpu 80%, --memory 1GiB, --disk 1GiB",
  });

type Options = z.output<typeof options>;

interface Undo {
  [key: string]: null | number | { dir: string; bytes: number };
  cpuShare: number | null;
  memoryBytes: number | null;
  disk: { dir: string; bytes: number } | null;
}

/** A neighbour that takes too much. Everything on the node's machine feels it, other nodes there included. */
export const exhaust: Fault<Options> = {
  name: "exhaust",
  details:
    "A neighbour that takes too much, as a process of its own on the node's machine, which ends by itself when nobody answers for it. Whatever else runs there feels it too: of an up cluster, every node.",
  examples: [
    ["ragctl chaos exhaust n2 --cpu 80% --for 30s", "four fifths of every core are busy with nothing"],
    ["ragctl chaos exhaust n2 --disk 1GiB --for 1m", "a file takes the space beside the node's data"],
  ],
  targets: ["process", "ssh"],
  options,
  impact: "weakens",
  reversible: true,
  healTimeoutMs: 15_000,

  possible(target, { disk, dir }) {
    const host = hostOf(target);
    if ("impossible" in host) return host.impossible;
    if (!host.burner) return `nothing can be exhausted where ${target.node} runs`;
    if (disk === undefined || dataDirOf(target, dir) !== undefined) return true;
    return `where the data of ${target.node} lies is not known: --dir says it`;
  },

  async prepare(target, { cpu, memory, disk, dir, keepDisk }) {
    const place = dataDirOf(target, dir);
    if (target.kind === "process") {
      const at = place ?? "/";
      if (!existsSync(at))
        throw new RagctlError(`there is no directory ${at}`, { code: "directory-missing", exitCode: ExitCode.usage });
      refuseTheLast({ memoryBytes: memory, diskBytes: disk }, roomIn(at), { keep: keepDisk, dir: at });
    }
    return {
      cpuShare: cpu ?? null,
      memoryBytes: memory ?? null,
      disk: disk === undefined || place === undefined ? null : { dir: place, bytes: disk },
    } satisfies Undo;
  },

  async inject(record, deps) {
    await burnerOf(record).start(specOf(record), deps);
  },

  async renew({ id, target, ...record }, deps) {
    if (await burnerOf({ target }).renew(id, deps)) return;
    const why = target.kind === "process" ? burnerProblem(id) : undefined;
    throw new Error(`the burner ${record.fault} ${id} has ended by itself${why ? `: ${why}` : ""}`);
  },

  async heal(record, deps) {
    await burnerOf(record).stop(record.id, deps);
    const file = ownFile(record);
    if (file) rmSync(file, { force: true });
  },

  async probe(record, deps) {
    const file = ownFile(record);
    return (await burnerOf(record).runs(record.id, deps)) || (file && existsSync(file)) ? "active" : "gone";
  },
};

function burnerOf({ target }: Pick<HealRecord, "target">) {
  const { burner } = requireHost(target);
  if (!burner) throw new Error(`nothing can be exhausted where ${target.node} runs`);
  return burner;
}

function specOf({ id, lease, undo }: HealRecord): BurnSpec {
  const { cpuShare, memoryBytes, disk } = undo as Undo;
  return {
    id,
    ttlMs: lease.ttlMs,
    burn: {
      ...(cpuShare !== null && { cpuShare }),
      ...(memoryBytes !== null && { memoryBytes }),
      ...(disk !== null && { disk }),
    },
  };
}

/** The file on this machine, known even where the burner's own notes are lost: temporary files do not outlive a reboot, data does. */
function ownFile({ id, target, undo }: HealRecord): string | undefined {
  const { disk } = undo as Undo;
  return target.kind === "process" && disk ? diskFile(disk.dir, id) : undefined;
}

function dataDirOf(target: Target, dir: string | undefined): string | undefined {
  if (dir !== undefined) return dir;
  // As `up` lays it out.
  return target.kind === "process" && target.supervisor ? join(target.supervisor.dir, "nodes", target.node) : undefined;
}
