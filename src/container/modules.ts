import "reflect-metadata/lite";
import { ContainerModule } from "inversify";
import { ignoringErrors } from "../aspect/intercepted-call.js";
import { NoopSyncInterceptor } from "../aspect/join-point.js";
import { RedisSyncInterceptor } from "../aspect/redis-sync-interceptor.js";
import { Identity } from "../settings/identity.js";
import { consoleLogger } from "../settings/logger.js";
import type { MirrorOptions } from "../settings/options.js";
import { resolveSettings } from "../settings/resolve-settings.js";
import { describeProblem, keySpaceOf, type Settings } from "../settings/settings.js";
import { observeMirror } from "../observability/observe-mirror.js";
import { Codec } from "../sync/codec.js";
import { FixedKeyRing, type KeyRing, type KeyStore, StoredKeyRing } from "../sync/key-ring.js";
import type { Memento } from "../sync/memento.js";
import { openGateway } from "../sync/open-gateway.js";
import { warningsOf } from "../sync/plaintext.js";
import { Catalogue } from "../sync/records.js";
import type { RedisGateway } from "../sync/redis-gateway.js";
import { RedisSyncService } from "../sync/redis-sync-service.js";
import { defaultKeyFile, FileKeyStore, SecretKeyStore } from "./key-stores.js";
import { logEvents } from "./log-events.js";
import { TOKENS } from "./tokens.js";

/** Every decorated call is a plain one. */
export const noopMirrorModule = new ContainerModule(({ bind }) => {
  bind(TOKENS.SyncInterceptor).toConstantValue(new NoopSyncInterceptor());
});

/**
 * The mirror, for a container of your own. Nothing is made, loaded or connected before the first decorated call.
 * Settings that cannot be used bind the no-op, and say so to the logger.
 */
export function redisMirrorModule(options: MirrorOptions = {}): ContainerModule {
  const result = resolveSettings(options);
  if ("settings" in result) {
    return result.settings.isEnabled
      ? activeMirrorModule(options, result.settings, new Identity(options))
      : noopMirrorModule;
  }
  (options.logger ?? consoleLogger).warn(
    `redis-mirrored is misconfigured: ${result.problems.map(describeProblem).join("; ")}`,
  );
  return noopMirrorModule;
}

/**
 * What `redisMirrorModule` binds, once the settings are known to be good. The identity is the caller's to change, and
 * `onServiceMade` tells it of the engine, which is made when it is first needed. Default: the engine is observed alone.
 */
export function activeMirrorModule(
  options: MirrorOptions,
  settings: Settings,
  identity: Identity,
  onServiceMade: (service: RedisSyncService) => void = observeMirror,
): ContainerModule {
  const keyStore = keyStoreOf(options, settings);
  const keyWarnings = () => (keyStore instanceof FileKeyStore ? keyStore.warnings : []);
  return new ContainerModule(({ bind }) => {
    bind(TOKENS.Settings).toConstantValue(settings);
    bind(TOKENS.Identity).toConstantValue(identity);
    bind(TOKENS.Logger).toConstantValue(options.logger ?? consoleLogger);
    bind(TOKENS.KeyRing).toConstantValue(
      keyStore === undefined ? new FixedKeyRing(settings.keys) : new StoredKeyRing(keyStore),
    );
    bind(TOKENS.RedisGateway)
      .toResolvedValue((resolved: Settings) => openGateway(resolved.address), [TOKENS.Settings])
      .inSingletonScope();
    bind(TOKENS.RedisSyncService)
      .toResolvedValue(
        (resolved: Settings, gateway: RedisGateway, keyRing: KeyRing) =>
          serviceOf(resolved, gateway, keyRing, options.memento, keyWarnings),
        [TOKENS.Settings, TOKENS.RedisGateway, TOKENS.KeyRing],
      )
      .inSingletonScope()
      .onActivation((context, service) => {
        const warn = logEvents(service, context.get(TOKENS.Logger));
        if (keyStore instanceof FileKeyStore) keyStore.onExposed = (warning) => ignoringErrors(() => warn(warning));
        onServiceMade(service);
        return service;
      });
    bind(TOKENS.SyncInterceptor)
      .toResolvedValue(
        (service: RedisSyncService, user: Identity) => new RedisSyncInterceptor(service, user),
        [TOKENS.RedisSyncService, TOKENS.Identity],
      )
      .inSingletonScope();
  });
}

function serviceOf(
  settings: Settings,
  gateway: RedisGateway,
  keyRing: KeyRing,
  memento: Memento | undefined,
  keyWarnings: () => readonly string[],
): RedisSyncService {
  const plaintextWarnings = warningsOf(settings.address);
  return new RedisSyncService({
    gateway,
    catalogue: new Catalogue(settings.records, settings),
    keySpace: keySpaceOf(settings),
    codec: new Codec(keyRing, { isCompressing: settings.isCompressing }),
    timings: settings.timings,
    isSharedLive: settings.isSharedLive,
    overwritesUnreadable: settings.overwritesUnreadable,
    warnings: () => [...plaintextWarnings, ...keyWarnings()],
    ...(memento !== undefined && { memento }),
  });
}

/** `undefined`: the keys are in the settings. */
function keyStoreOf({ secrets, env = process.env }: MirrorOptions, { keys }: Settings): KeyStore | undefined {
  if (keys.length > 0) return undefined;
  return secrets === undefined ? new FileKeyStore(defaultKeyFile(env)) : new SecretKeyStore(secrets);
}
