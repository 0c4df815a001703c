import { expect, test } from "vitest";
import { makeStyle } from "../../../src/report/style.ts";
import { markdownTable, table, visibleWidth, type Column } from "../../../src/report/table.ts";

const plain = makeStyle({ color: false, columns: 80 });
const columns: Column[] = [{ header: "node" }, { header: "points", align: "right" }, { header: "says" }];

test("columns line up, numbers to the right, no lines", () => {
  const rows = [
    ["a", "1,400", "healthy"],
    ["node-b", "7", "dead"],
  ];
  expect(`\n${table(columns, rows, plain)}`).toMatchInlineSnapshot(`
    "
    node    points  says
    a        1,400  healthy
    node-b       7  dead"
  `);
});

test("too wide: the widest column gives way, or the one that is said to", () => {
  const rows = [["n".repeat(50), "1", "m".repeat(60)]];
  for (const flexible of [0, 2]) {
    const text = table(
      columns.map((column, index) => ({ ...column, flexible: index === flexible })),
      rows,
      plain,
    );
    for (const line of text.split("\n")) expect(visibleWidth(line)).toBeLessThanOrEqual(80);
    expect(text.includes("n".repeat(50))).toBe(flexible === 2);
  }
});

test("any table fits its room while the headers do", () => {
  for (const room of [20, 30, 40, 80, 120])
    for (const length of [0, 3, 10, 40, 200]) {
      const rows = [["x".repeat(length), "9".repeat(length / 10), "é漢😀".repeat(length / 5)]];
      for (const line of table(columns, rows, { ...plain, columns: room }).split("\n"))
        expect(visibleWidth(line)).toBeLessThanOrEqual(room);
    }
});

test("colour takes no place", () => {
  const colored = makeStyle({ color: true, columns: 80 });
  const text = table(columns, [[colored.bad("a"), "1", colored.good("x".repeat(100))]], colored);
  for (const line of text.split("\n")) expect(visibleWidth(line)).toBeLessThanOrEqual(80);
  expect(text).toContain("\u001B[31ma\u001B[39m");
});

test("no rows: the headers alone", () => {
  expect(table(columns, [], plain)).toBe("node  points  says");
});

test("Markdown: pipes and line breaks cannot break out of a cell", () => {
  expect(`\n${markdownTable(columns, [["a|b", "1", "one\ntwo \\"]])}`).toMatchInlineSnapshot(`
    "
    | node | points | says |
    | --- | --: | --- |
    | a\\|b | 1 | one<br>two \\\\ |"
  `);
});
