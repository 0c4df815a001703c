import { didYouMean } from "../../src/config/suggest.ts";
import { ExitCode, usageError } from "../../src/errors.ts";
import { journalDir, recordIds } from "../../src/faults/journal.ts";
import { healRecords } from "../../src/faults/recover.ts";
import { healResultSchema } from "../../src/faults/result.ts";
import { healReport } from "../../src/report/chaos.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";

export default defineCommand({
  details: "Undoes faults, whoever injected them, and proves by a probe that they are gone; exit 5 where that cannot be proven.",
  positionals: [{ name: "id", description: "of faults: ragctl chaos status lists them", variadic: true }],
  flags: { all: flag.boolean({ description: "every fault there is" }) },
  examples: [["ragctl chaos heal --all", "nothing stays broken"]],
  resultSchema: healResultSchema,
  async run({ positionals: ids, flags }, { runtime }) {
    const known = recordIds(journalDir(runtime.stateDir));
    const problems = ids
      .filter((id) => !known.some((record) => record === id || record.startsWith(`${id}.`)))
      .map((id) => ({ path: "ID", message: `no fault "${id}" is recorded${didYouMean(id, known)}` }));
    if (ids.length === 0 && !flags.all && known.length > 0)
      problems.push({ path: "ID", message: `say which, or --all: ${known.join(", ")}` });
    if (problems.length > 0) throw usageError(problems, { hint: "ragctl chaos status lists what is active" });
    const result = await healRecords(runtime, flags.all ? undefined : ids);
    return { result, exitCode: result.failed.length > 0 ? ExitCode.unhealed : ExitCode.ok };
  },
  human: healReport,
});
