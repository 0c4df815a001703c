import { defineConfig, type OxlintConfig } from "oxlint";

type Rules = NonNullable<OxlintConfig["rules"]>;

/**
 * Imports point one way: bin → commands → src, and inside src each room may use only the rooms of the layers below its
 * own; within a layer it may use its neighbours, but for the lowest, whose rooms stand alone. A new room of src is put
 * into a layer here: a test asserts that none is forgotten.
 */
export const layers = [
  ["sharding", "kmeans", "http", "config", "datasets"],
  ["stores", "cache", "state", "embed", "runs", "proxy"],
  ["cluster", "status"],
  ["load", "faults", "migration", "ingest", "releases", "planning", "rebalance", "warming"],
  ["local", "node"],
  ["experiments", "smoke", "demo"],
];
/** Rooms that are held to less than their layer allows. */
const mayUseOnly: Record<string, string[]> = { node: ["http", "stores"] };
/** Rooms that look at results, and decide how they appear. */
export const views = ["report", "ui"];
const allRooms = layers.flat();

interface Restriction {
  group: string[];
  message: string;
}

const commander = { name: "commander", message: "Only commands/ knows about commander." };
const looks = ["chalk", "ink", "react", "cli-table3"].map((name) => ({
  name,
  message: "Only report/ and ui/ decide how things look.",
}));
const boundary = [
  { name: "node:process", message: "Take it from the Runtime." },
  { name: "process", message: "Take it from the Runtime." },
  { name: "node:perf_hooks", importNames: ["performance"], message: "Take the Runtime's clock." },
];
const outside: Restriction = {
  group: ["**/commands/**", "**/bin/**", "**/test/**"],
  message: "src knows nothing of what uses it.",
};

function importRule(patterns: Restriction[], paths: { name: string; importNames?: string[]; message: string }[]): Rules {
  return { "no-restricted-imports": ["error", { patterns, paths }] };
}

/** Imports of these rooms, however many levels up; `except` names files of theirs that are allowed. */
function rooms(names: string[], message: string, except: string[] = []): Restriction[] {
  if (names.length === 0) return [];
  return [{ group: [...names.map((name) => `**/${name}/**`), ...except.map((file) => `!**/${file}`)], message }];
}

// A later override of a rule replaces an earlier one whole: each says everything that holds for its files.
const roomOverrides = layers.flatMap((layer, index) =>
  layer.map((room) => {
    const below = layers.slice(0, index).flat();
    const allowed = mayUseOnly[room] ?? (index === 0 ? [] : [...below, ...layer]);
    const forbidden = allRooms.filter((name) => name !== room && !allowed.includes(name));
    return {
      files: [`src/${room}/**/*.ts`],
      rules: importRule(
        [
          ...rooms(forbidden, `Dependencies point one way: ${room} is below this.`),
          ...rooms(views, "Rooms return results; report/ and ui/ show them."),
          outside,
        ],
        [commander, ...looks, ...boundary],
      ),
    };
  }),
);

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
  ignorePatterns: ["dist/**", "test/data/**", "src/kmeans/kernel/assembly/**"],
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
      rules: importRule([...rooms([...allRooms, ...views], "The foundation imports no room."), outside], [commander, ...looks]),
    },
    {
      // What `import … from "ragctl"` gives: a client of a cluster, and the types that it speaks in.
      files: ["src/index.ts"],
      rules: importRule(
        [
          ...rooms(
            [...allRooms.filter((room) => !["cluster", "config", "stores", "sharding"].includes(room)), ...views],
            "Applications get the client; the rest is ragctl's own.",
          ),
          outside,
        ],
        [commander, ...looks],
      ),
    },
    ...roomOverrides,
    {
      files: ["src/report/**/*.ts"],
      rules: importRule(
        [...rooms([...allRooms, "ui"], "A report knows the types of results alone.", ["result.ts"]), outside],
        [commander, { name: "ink", message: "ink views live in ui/." }, ...boundary],
      ),
    },
    {
      files: ["src/ui/**/*.ts"],
      rules: importRule(
        [...rooms(allRooms, "A view knows the types of results alone.", ["result.ts"]), outside],
        [commander, ...boundary],
      ),
    },
    {
      files: ["commands/**/*.ts"],
      rules: importRule(
        [{ group: ["**/bin/**", "**/test/**"], message: "Commands know nothing of what runs them." }],
        [...looks, ...boundary],
      ),
    },
    {
      files: ["src/runtime.ts", "bin/**/*.ts", "src/**/*.main.ts"],
      rules: { "no-restricted-globals": "off", "no-restricted-properties": "off", "no-console": "off" },
    },
    { files: ["test/**/*.ts", "bench/**/*.ts"], rules: { "typescript/no-explicit-any": "off" } },
  ],
});
