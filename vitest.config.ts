import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const report = process.env["RAGCTL_TEST_REPORT"];

/** What takes minutes begins first: begun last, it would run alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const minutes = ["conformance/faults", "integration/"];
    const rank = ({ moduleId }: TestSpecification) => minutes.findIndex((part) => moduleId.includes(part)) + 1 || 9;
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores is what CI has; end-to-end tests start processes of their own.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    reporters: report ? ["default", "json"] : ["default"],
    ...(report ? { outputFile: { json: report } } : {}),
  },
});
