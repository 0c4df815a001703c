import { storeDrivers } from "../../src/stores/index.ts";
import { startNode } from "../helpers/node.ts";
import { driverSuite } from "./driver-suite.ts";

const driver = storeDrivers.qdrant;
const apiKey = "conformance-key";
const requests = [
  "GET /",
  "GET /cluster",
  "GET /aliases",
  "GET /collections",
  "POST /collections/aliases",
  ...["GET", "PUT", "DELETE"].map((method) => `${method} /collections/{}`),
  "PUT /collections/{}/index",
  "PUT /collections/{}/points",
  "POST /collections/{}/points",
  ...["query", "scroll", "count", "delete", "payload"].map((operation) => `POST /collections/{}/points/${operation}`),
];

driverSuite("the Qdrant driver on the embedded node", {
  driver,
  requests,
  apiKey,
  judgeAnswers: true,
  start: () => startNode({ apiKey }),
});

// Any Qdrant from 1.16 to 1.19, emptied of nothing but what the suite itself made. Started with an api key, it is named in
// RAGCTL_TEST_QDRANT_API_KEY, and the tests of wrong keys run too.
const url = process.env["RAGCTL_TEST_QDRANT_URL"];
const realKey = process.env["RAGCTL_TEST_QDRANT_API_KEY"];
if (url)
  driverSuite(`the Qdrant driver on ${url}`, {
    driver,
    requests,
    ...(realKey && { apiKey: realKey }),
    judgeAnswers: false,
    start: async () => ({ url, stop: async () => {} }),
  });
