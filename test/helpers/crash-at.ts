// Preloaded (`node --import`) into a ragctl process by tests: kills it with SIGKILL once so many durable entries of its journal are on
// disk (RAGCTL_TEST_CRASH_AT), or one that contains a text (RAGCTL_TEST_CRASH_WHEN), as a power cut at that very moment would. Nothing in
// ragctl itself knows of it.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const crashAt = Number(process.env["RAGCTL_TEST_CRASH_AT"] ?? Infinity);
const crashWhen = process.env["RAGCTL_TEST_CRASH_WHEN"];
const fsync = fs.fsyncSync;
const write = fs.writeSync;
let written = 0;
/** What was written last, whatever the file. */
let last = "";

fs.writeSync = ((file: number, data: string | Uint8Array, ...rest: []) => {
  last = typeof data === "string" ? data : Buffer.from(data).toString();
  return write(file, data as string, ...rest);
}) as typeof fs.writeSync;

fs.fsyncSync = (file) => {
  fsync(file);
  if (!isJournal(file)) return;
  const isThere = crashWhen !== undefined && last.includes(crashWhen);
  if (++written < crashAt && !isThere) return;
  process.kill(process.pid, "SIGKILL");
  // Not one step further, however late the signal is.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
};
syncBuiltinESMExports();

function isJournal(file: number): boolean {
  try {
    return fs.readlinkSync(`/proc/self/fd/${file}`).endsWith("journal.ndjson");
  } catch {
    // Elsewhere than on Linux every durable file counts: other moments, just as good.
    return true;
  }
}
