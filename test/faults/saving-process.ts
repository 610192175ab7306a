// A host in a process of its own: `node saving-process.js PORT [close|ask|flush]` saves once, closes, flushes or asks for
// another record if it is told to, and ends when nothing holds it any more.
import { installMirror, TOKENS } from "redis-mirrored";
import { KEY, Notes, SILENT } from "../support/mirrors.js";

const [port, ending] = process.argv.slice(2);
const mirror = installMirror({
  redis: { host: "127.0.0.1", port: Number(port) },
  userId: "alice",
  keys: [KEY],
  env: {},
  logger: SILENT,
});
await new Notes().save("customInstructions", "the last save");
if (ending === "close") {
  const begin = performance.now();
  const result = await mirror.close();
  console.log(JSON.stringify({ ...result, elapsedMs: performance.now() - begin }));
}
if (ending === "flush") console.log(JSON.stringify(await mirror.flush()));
if (ending === "ask") {
  const value = await mirror.container.get(TOKENS.RedisSyncService).get({ userId: "alice", record: "taskHistory" });
  console.log(JSON.stringify({ value: value ?? null }));
}
