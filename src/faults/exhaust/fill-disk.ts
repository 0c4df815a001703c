import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";

const pieceBytes = 2 ** 20;

/**
 * Makes a file that really takes so much space: `fallocate`, where there is one, else by writing it.
 * @throws Error where the space is not there
 */
export function fillDisk(path: string, bytes: number): void {
  // Made first, so that whoever cleans up finds what a failing fallocate leaves.
  closeSync(openSync(path, "w", 0o600));
  if (bytes === 0) return;
  try {
    execFileSync("fallocate", ["-l", String(bytes), path], { stdio: ["ignore", "ignore", "pipe"], timeout: 10_000 });
    return;
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? "");
    if (/no space/i.test(said)) throw new Error(said.trim(), { cause: error });
  }
  const file = openSync(path, "w", 0o600);
  try {
    // Not zeros: some file systems keep those for nothing.
    const piece = Buffer.alloc(pieceBytes, 0xa5);
    for (let left = bytes; left > 0;) left -= writeSync(file, piece, 0, Math.min(left, pieceBytes));
  } finally {
    closeSync(file);
  }
}
