import { join } from "node:path";
import { localDirName, localName, upwards } from "../src/config/find.ts";
import { shownPath } from "../src/config/load.ts";
import { down, findBaseDir } from "../src/local/down.ts";
import { downSchema, type DownResult } from "../src/local/result.ts";
import { confirmSevere } from "./confirm.ts";
import { defineCommand } from "./define.ts";
import { flag } from "./flags.ts";
import { refuseOtherCluster } from "./local-only.ts";
import { plural } from "../src/units.ts";

export default defineCommand({
  details:
    "Stops the nodes, the cache and the supervisor of this directory's cluster, or of the nearest one above. Data stays, and ragctl up brings it back.",
  flags: { delete: flag.boolean({ description: "and delete the data, with the routing tables" }) },
  examples: [
    ["ragctl down", "stop it, keep the data"],
    ["ragctl down --delete", "stop it and leave nothing"],
  ],
  resultSchema: downSchema,
  async run({ flags }, context) {
    const { runtime, note, globals } = context;
    refuseOtherCluster(globals, "down");
    const base = findBaseDir(upwards(runtime.cwd));
    if (base === undefined) return { result: { dir: null, stopped: 0, deleted: false } };
    const folder = join(base, localDirName);
    note(`cluster local (${shownPath(runtime.cwd, folder)})`);
    // Off a terminal the flag itself is the yes: it has no other meaning.
    if (flags.delete && globals.input)
      await confirmSevere(context, { name: localName, protected: false }, `deleting all data in ${folder}`, undefined);
    const outcome = await down(base, { remove: flags.delete }, { runtime, note });
    return { result: { dir: base, ...outcome }, next: flags.delete ? [] : ["ragctl up"] };
  },
  human: downText,
});

function downText({ dir, stopped, deleted }: DownResult): string {
  if (dir === null) return "nothing to stop: ragctl up has started no cluster here or above";
  const what = stopped === 0 ? "nothing was running" : `stopped ${plural(stopped, "process")}`;
  return `${what}; ${deleted ? "the data is deleted" : `the data stays in ${join(dir, localDirName)}`}`;
}
