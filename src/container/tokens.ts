import type { ServiceIdentifier } from "inversify";
import type { SyncInterceptor } from "../aspect/join-point.js";
import type { Identity } from "../settings/identity.js";
import type { Logger } from "../settings/logger.js";
import type { Settings } from "../settings/settings.js";
import type { KeyRing } from "../sync/key-ring.js";
import type { RedisGateway } from "../sync/redis-gateway.js";
import type { RedisSyncService as Service } from "../sync/redis-sync-service.js";

const token = <T>(name: string): ServiceIdentifier<T> => Symbol.for(`redis-mirrored.${name}`);

/** The names under which the parts are bound; rebind one to put another in its place. */
export const TOKENS = {
  SyncInterceptor: token<SyncInterceptor>("SyncInterceptor"),
  RedisSyncService: token<Service>("RedisSyncService"),
  RedisGateway: token<RedisGateway>("RedisGateway"),
  Settings: token<Settings>("Settings"),
  Identity: token<Identity>("Identity"),
  KeyRing: token<KeyRing>("KeyRing"),
  Logger: token<Logger>("Logger"),
} as const;
