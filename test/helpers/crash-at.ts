// Preloaded (`node --import`) into a ragctl process by tests: kills it with SIGKILL once so many durable entries of its journal are on
// disk (RAGCTL_TEST_CRASH_AT), as a power cut at that very moment would. Nothing in ragctl itself knows of it.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const crashAt = Number(process.env["RAGCTL_TEST_CRASH_AT"]);
const fsync = fs.fsyncSync;
let written = 0;

fs.fsyncSync = (file) => {
  fsync(file);
  if (!isJournal(file) || ++written < crashAt) return;
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
