import { readFileSync, statfsSync } from "node:fs";
import { freemem } from "node:os";
import { ExitCode, RagctlError } from "../../errors.ts";
import { formatBytes } from "../../units.ts";

/** What there is to take on this machine, bytes. */
export interface Room {
  memory: number;
  disk: number;
}

/** Memory that must stay whoever asks: below it the kernel would look for something to kill. */
const memoryKept = 256 * 2 ** 20;

export function roomIn(dir: string): Room {
  const { bavail, bsize } = statfsSync(dir);
  return { memory: memoryAvailable(), disk: bavail * bsize };
}

/** Linux counts what it could free again; `freemem` alone would call a page cache used. */
function memoryAvailable(): number {
  try {
    const match = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"));
    if (match) return Number(match[1]) * 1024;
  } catch {
    // Not Linux.
  }
  return freemem();
}

/**
 * Refuses what would take the machine's last: a full disk stops more than a node. Pure.
 * @param keep bytes of the disk that must stay free
 * @throws RagctlError exit 7 with what there is, and what would do
 */
export function refuseTheLast(
  { memoryBytes = 0, diskBytes = 0 }: { memoryBytes?: number | undefined; diskBytes?: number | undefined },
  room: Room,
  { keep, dir }: { keep: number; dir: string },
): void {
  const problems: string[] = [];
  const hints: string[] = [];
  if (diskBytes > 0 && room.disk - diskBytes < keep) {
    problems.push(
      `${formatBytes(diskBytes)} in ${dir} would leave ${formatBytes(Math.max(0, room.disk - diskBytes))} of the disk free, and ${formatBytes(keep)} shall stay`,
    );
    hints.push("--keep-disk says how much shall stay free, 0 allows all");
  }
  if (memoryBytes > 0 && room.memory - memoryBytes < memoryKept) {
    problems.push(
      `${formatBytes(memoryBytes)} of memory would leave less than ${formatBytes(memoryKept)} of the ${formatBytes(room.memory)} that are available`,
    );
    hints.push("less memory");
  }
  if (problems.length === 0) return;
  throw new RagctlError(problems.join("; "), { code: "resources-short", exitCode: ExitCode.refused, hint: hints.join("; ") });
}
