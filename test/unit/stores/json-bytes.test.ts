import { describe, expect, it } from "vitest";
import { seededRng } from "../../../src/runtime.ts";
import { JsonBytes } from "../../../src/stores/json-bytes.ts";

function written(vector: Float32Array | number[]): string {
  return new JsonBytes().vector(vector).take().toString();
}

describe("vectors as JSON", () => {
  it.each([
    [[], "[]"],
    [[0, -0, 1, -1], "[0,-0,1,-1]"],
    [[0.5, -0.25, 0.125], "[0.5,-0.25,0.125]"],
    // Nine digits are always enough, and sometimes one more than the shortest.
    [[0.1], "[0.100000001]"],
    [[0.01, -0.001, 0.0001, 0.00001], "[0.00999999978,-0.00100000005,0.0000999999975,0.00000999999975]"],
    [[0.05], "[0.0500000007]"],
    [[1e-6], "[9.99999997e-7]"],
    [[123456.789], "[123456.789]"],
    [[3.4028234663852886e38], "[3.40282347e+38]"],
    [[1.401298464324817e-45], "[1.40129846e-45]"],
    [[0.9999999404], "[0.99999994]"],
  ])("Float32Array %j is %s", (components, text) => {
    const result = written(Float32Array.from(components));
    // Zero has a sign that JSON keeps and nobody needs.
    expect(result.replace("-0,", "0,")).toBe(text.replace("-0,", "0,"));
    expect(Float32Array.from(JSON.parse(result) as number[]).every((x, i) => x === Math.fround(components[i]!))).toBe(true);
  });

  it("give the same float32 back, for every exponent and for what embeddings look like", () => {
    const seed = 20_260_801;
    const rng = seededRng(seed);
    const bits = new Float32Array(20_000);
    const asIntegers = new Uint32Array(bits.buffer);
    for (let i = 0; i < asIntegers.length; i++) asIntegers[i] = rng() * 2 ** 32;
    const anything = bits.filter((x) => Number.isFinite(x));
    const embedding = new Float32Array(20_000).map(() => (rng() - 0.5) * 10 ** (-3 * rng()));
    for (const vector of [anything, embedding]) {
      const back = Float32Array.from(JSON.parse(written(vector)) as number[]);
      const wrong = vector.findIndex((x, i) => back[i] !== x);
      expect(wrong, `seed ${seed}, component ${vector[wrong]} came back as ${back[wrong]}`).toBe(-1);
    }
  });

  it("print plain arrays in full", () => {
    const vector = [0.1, 1 / 3, 1e300];
    expect(JSON.parse(written(vector))).toEqual(vector);
  });

  it.each([
    [Float32Array.of(1, NaN), "component 1 of the vector is NaN"],
    [Float32Array.of(Infinity), "component 0 of the vector is Infinity"],
    [[1, 2, -Infinity], "component 2 of the vector is -Infinity"],
    [[NaN], "component 0 of the vector is NaN"],
  ])("refuse %s", (vector, message) => {
    expect(() => written(vector)).toThrow(message);
  });

  it("take turns with text, and grow", () => {
    const writer = new JsonBytes();
    const vector = Float32Array.from({ length: 5000 }, (_, i) => i / 7);
    for (let i = 0; i < 3; i++) {
      const text = writer.text(`{"ключ":"🙂","v":`).vector(vector).text(`,"end":1}`).take().toString();
      const back = JSON.parse(text) as { v: number[] };
      expect(back).toMatchObject({ ключ: "🙂", end: 1 });
      expect(Float32Array.from(back.v)).toEqual(vector);
    }
  });

  it("leave nothing behind after a refusal that is followed by clear", () => {
    const writer = new JsonBytes().text("[[");
    expect(() => writer.vector(Float32Array.of(1, NaN))).toThrow(RangeError);
    expect(writer.clear().text("{}").take().toString()).toBe("{}");
  });
});
