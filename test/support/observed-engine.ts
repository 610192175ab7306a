import { loadTelemetryApi } from "#dist/observability/telemetry-api.js";
import { Observer } from "#dist/observability/observe-mirror.js";
import { Codec } from "#dist/sync/codec.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { FakeGateway } from "./fake-gateway.js";
import { KEY } from "./mirrors.js";

/** Observers apart from that of the process, which knows the mirrors of all other tests. */
export class ObservedEngines implements AsyncDisposable {
  readonly #services: RedisSyncService[] = [];
  readonly #loaded: Promise<unknown>[] = [];
  readonly #observer: Observer;

  constructor(load: typeof loadTelemetryApi = loadTelemetryApi) {
    this.#observer = new Observer(() => {
      const loading = load();
      this.#loaded.push(loading);
      return loading;
    });
  }

  open(): { gateway: FakeGateway; service: RedisSyncService } {
    const gateway = new FakeGateway();
    const service = new RedisSyncService({
      gateway,
      catalogue: new Catalogue(),
      keySpace: new KeySpace(),
      codec: new Codec(new FixedKeyRing(parseKeys(KEY))),
      timings: { batchWindowMs: 1 },
    });
    this.#services.push(service);
    this.#observer.observe(service);
    return { gateway, service };
  }

  /** Until each that was opened has met the API, or found that there is none. */
  async ready(): Promise<void> {
    while (this.#loaded.length < this.#services.length) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(this.#loaded);
    await new Promise((resolve) => setImmediate(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#services.map((service) => service.close({ timeoutMs: 1 })));
  }
}
