// A host that ignores a rejection: `node ignored-rejection.js MIRROR HANDLING` prints how many unhandled rejections
// there were, and of what.
import { installMirror, NoopSyncInterceptor, RedisMirrored } from "redis-mirrored";
import { FakeRedis, installInterceptor } from "../support/containers.js";

class Host {
  @RedisMirrored("customInstructions")
  async save(_value: unknown): Promise<void> {
    await Promise.resolve();
    throw new Error("the disk is full");
  }
}

const [mirror, handling] = process.argv.slice(2);
if (mirror === "no-op") installInterceptor(new NoopSyncInterceptor());
if (mirror === "healthy") new FakeRedis();
if (mirror === "down") new FakeRedis().gateway.alwaysDown();
if (mirror === "disabled") installMirror({ enabled: false });
if (mirror === "listening interceptor") {
  installInterceptor({
    around: async (joinPoint) => {
      await joinPoint.proceed();
    },
  });
}

const unhandled: string[] = [];
process.on("unhandledRejection", (reason) => void unhandled.push((reason as Error).message));
const saved = new Host().save("value");
if (handling === "handled") saved.catch(() => {});
process.on("exit", () => console.log(JSON.stringify(unhandled)));
