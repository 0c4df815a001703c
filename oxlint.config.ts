import { defineConfig, type OxlintConfig } from "oxlint";

type Rules = NonNullable<OxlintConfig["rules"]>;

/**
 * Imports point one way: bin → commands → src, and inside src each room may use only the rooms below it. Each entry
 * lists, for a room, the rooms that it must not import.
 */
const rooms = {
  foundation: ["errors", "runtime", "units", "version", "entry"],
  base: ["sharding", "kmeans", "http", "config"],
  stores: ["stores", "cache", "state", "embed", "runs"],
  cluster: ["cluster"],
  engines: ["load", "faults", "migration", "ingest"],
  local: ["local", "node"],
  experiments: ["experiments", "smoke", "demo"],
};
const order = [rooms.base, rooms.stores, rooms.cluster, rooms.engines, rooms.local, rooms.experiments];

const commanderOnlyInCommands = { name: "commander", message: "Only commands/ knows about commander." };
const looksOnlyInReport = ["chalk", "ink", "react", "cli-table3"].map((name) => ({
  name,
  message: "Only report/ and ui/ decide how things look.",
}));

function importRule(patterns: { group: string[]; message: string }[], paths: { name: string; message: string }[]): Rules {
  return { "no-restricted-imports": ["error", { patterns, paths }] };
}

function roomPatterns(names: string[], message: string) {
  return names.length === 0 ? [] : [{ group: names.flatMap((name) => [`**/${name}/**`, `../${name}.ts`]), message }];
}

const upward = order.flatMap((level, index) => {
  const above = order.slice(index + 1).flat();
  return level.map((room) => ({
    files: [`src/${room}/**/*.ts`],
    rules: importRule(
      [
        ...roomPatterns([...above, "ui", "commands"], `Dependencies point one way: ${room} is below this.`),
        ...(room === "node" || room === "local" ? [] : roomPatterns(["report"], "Rooms return results; report/ prints them.")),
      ],
      [commanderOnlyInCommands, ...looksOnlyInReport],
    ),
  }));
});

const processBoundary: Rules = {
  "no-restricted-globals": [
    "error",
    { name: "process", message: "Take it from the Runtime; only runtime.ts and process entry points touch process." },
    { name: "performance", message: "Take the Runtime's clock." },
  ],
  "no-restricted-properties": [
    "error",
    { object: "Date", property: "now", message: "Take the Runtime's clock." },
    { object: "Math", property: "random", message: "Take the Runtime's seeded rng." },
  ],
  "no-console": "error",
};

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "promise", "node"],
  categories: { correctness: "error", suspicious: "error", perf: "error" },
  ignorePatterns: ["dist/**", "test/data/**"],
  rules: {
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "import/no-cycle": "error",
    "no-await-in-loop": "off",
    "no-shadow": "off",
    "no-underscore-dangle": "off",
    // For windows; worker threads have no origin.
    "unicorn/require-post-message-target-origin": "off",
    "unicorn/no-array-sort": "off",
    "unicorn/no-array-reverse": "off",
    "unicorn/consistent-function-scoping": "off",
    "unicorn/require-module-specifiers": "off",
    "unicorn/prefer-add-event-listener": "off",
    "import/no-unassigned-import": "off",
    "import/no-named-as-default-member": "off",
    "promise/always-return": "off",
    "promise/no-multiple-resolved": "off",
    "typescript/no-unsafe-type-assertion": "off",
    "typescript/no-unnecessary-type-parameters": "off",
    "typescript/consistent-return": "off",
    "no-promise-executor-return": "off",
    "typescript/no-unnecessary-boolean-literal-compare": "off",
  },
  overrides: [
    { files: ["src/**/*.ts", "commands/**/*.ts"], rules: processBoundary },
    {
      files: ["src/*.ts"],
      rules: importRule(roomPatterns([...order.flat(), "report", "ui", "commands"], "The foundation imports no room."), [
        commanderOnlyInCommands,
        ...looksOnlyInReport,
      ]),
    },
    ...upward,
    {
      files: ["src/report/**/*.ts"],
      rules: importRule(
        [{ group: ["commander"], message: "Only commands/ knows about commander." }],
        [{ name: "ink", message: "ink views live in ui/." }],
      ),
    },
    {
      files: ["src/runtime.ts", "bin/**/*.ts", "src/**/*.main.ts"],
      rules: { "no-restricted-globals": "off", "no-restricted-properties": "off", "no-console": "off" },
    },
    { files: ["test/**/*.ts", "bench/**/*.ts"], rules: { "typescript/no-explicit-any": "off" } },
  ],
});
