// A process that embeds so many texts, one a request, as fast as it is let: `embed-client.main.ts CONFIG.json COUNT`.
import { createEmbedder } from "../../src/embed/index.ts";
import { realClock } from "../../src/runtime.ts";

const [config, count] = process.argv.slice(2);
const said: string[] = [];
const embedder = await createEmbedder(JSON.parse(config!), { clock: realClock, warn: (text) => said.push(text) });
await Promise.all(Array.from({ length: Number(count) }, (_, at) => embedder.embed([`text ${process.pid} ${at}`])));
await embedder.close();
process.stdout.write(JSON.stringify({ said }));
