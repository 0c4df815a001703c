// The dead man's switch: a detached process that heals what its injector no longer answers for. Arguments: journal directory, record ids.
import { realClock } from "../runtime.ts";
import { faultNamed } from "./index.ts";
import { readRecord } from "./journal.ts";
import { watch } from "./watchdog.ts";

const [dir = "", ...ids] = process.argv.slice(2);
// It must outlive the terminal and the Ctrl-C that end its injector; SIGTERM is how it is asked to heal at once.
for (const name of ["SIGINT", "SIGHUP"] as const) process.on(name, () => undefined);
const now = new AbortController();
process.on("SIGTERM", () => now.abort());
process.stdout.on("error", () => undefined);

const log = (text: string) => process.stderr.write(`${new Date().toISOString()} watchdog ${process.pid} ${text}\n`);
// An acknowledgement says: I have read the record, and I know how to heal it.
const acknowledged = ids.filter((id) => {
  const entry = readRecord(dir, id);
  return entry !== undefined && faultNamed(entry.record.fault) !== undefined;
});
process.stdout.write(`${JSON.stringify({ acknowledged })}\n`);
await watch(acknowledged, { dir, clock: realClock, now: now.signal, log });
