import { Container } from "inversify";
import {
  type MirrorOptions,
  redisMirrorModule,
  type RedisSyncService,
  type SyncInterceptor,
  TOKENS,
  useContainer,
} from "redis-mirrored";
import { FakeGateway } from "./fake-gateway.js";
import { KEY, SILENT } from "./mirrors.js";

/** A container with the real parts on a fake gateway, found by decorators until it is disposed of. */
export class FakeRedis implements Disposable {
  readonly gateway = new FakeGateway();
  readonly container = new Container();
  readonly #installed: Disposable;

  constructor(options: MirrorOptions = {}) {
    this.container.load(redisMirrorModule({ userId: "alice", keys: [KEY], env: {}, logger: SILENT, ...options }));
    this.container.rebind(TOKENS.RedisGateway).toConstantValue(this.gateway);
    this.#installed = useContainer(this.container);
  }

  get service(): RedisSyncService {
    return this.container.get(TOKENS.RedisSyncService);
  }

  /** What Redis holds of a record, once all that was saved so far is there. */
  async stored(record: string, userId = "alice"): Promise<unknown> {
    await this.service.flush();
    const text = this.gateway.store.get(`roo:${userId}:${record}`);
    return text === undefined ? undefined : JSON.parse(text);
  }

  [Symbol.dispose](): void {
    this.#installed[Symbol.dispose]();
    void this.service.close({ timeoutMs: 1 });
  }
}

/** Makes an interceptor of the test's own the one that decorators find. */
export function installInterceptor(interceptor: SyncInterceptor): Disposable {
  const container = new Container();
  container.bind(TOKENS.SyncInterceptor).toConstantValue(interceptor);
  return useContainer(container);
}
