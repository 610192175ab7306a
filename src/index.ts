export type { HostFunction } from "./aspect/host-function.js";
export { RedisMirrored, type MirroredOptions, type MutationSelector } from "./aspect/redis-mirrored.js";
export { RedisRestored, type RestoredManyOptions, type RestoredOptions } from "./aspect/redis-restored.js";
export {
  type JoinPoint,
  type MirrorJoinPoint,
  type Mutation,
  NoopSyncInterceptor,
  type RestoreAdvice,
  type RestoreJoinPoint,
  type SyncInterceptor,
} from "./aspect/join-point.js";
export type { MethodDecoratorOfBothDialects } from "./aspect/method-decorator.js";
export { RedisSyncInterceptor, type UserSource } from "./aspect/redis-sync-interceptor.js";
export { createMirror, installMirror, type Mirror, useContainer } from "./container/mirror.js";
export { noopMirrorModule, redisMirrorModule } from "./container/modules.js";
export { TOKENS } from "./container/tokens.js";
export type { HostSettings } from "./settings/host-settings.js";
export { Identity } from "./settings/identity.js";
export type { Logger } from "./settings/logger.js";
export type { MirrorOptions, SecretStorage } from "./settings/options.js";
export type { SettingProblem, Settings } from "./settings/settings.js";
export { Codec } from "./sync/codec.js";
export {
  ConnectionLostError,
  KeyRingError,
  MirrorError,
  NotServedError,
  RefusedError,
  UnknownKeyError,
  UnreadableValueError,
  VersionNotFoundError,
} from "./sync/errors.js";
export {
  FixedKeyRing,
  generateKey,
  type KeyRing,
  type KeyStore,
  type MirrorKey,
  parseKeys,
  StoredKeyRing,
} from "./sync/key-ring.js";
export { KeySpace, type RecordId } from "./sync/keys.js";
export type {
  Batch,
  BatchOutcome,
  Conflict,
  DropReason,
  MirrorEvents,
  MirrorListener,
  MirrorState,
  MirrorStatus,
  RestoreOutcome,
} from "./sync/mirror-events.js";
export { ClusterGateway } from "./sync/cluster-gateway.js";
export { NodeRedisGateway } from "./sync/node-redis-gateway.js";
export type { GatewayDeadlines, RedisAddress, RedisEndpoint, SentinelAddress } from "./sync/redis-address.js";
export {
  Catalogue,
  defineRecord,
  type ItemProperty,
  type RecordDefinition,
  type RecordKind,
  type RecordOptions,
  type RecordSchema,
  type StandardSchema,
} from "./sync/records.js";
export { type Memento, MemoryMemento } from "./sync/memento.js";
export type {
  KeptValue,
  RedisGateway,
  StoredState,
  StoredValue,
  WireOutcome,
  WireWrite,
} from "./sync/redis-gateway.js";
export type { FlushResult } from "./sync/flush-waiters.js";
export type { RecordVersion } from "./sync/record-history.js";
export type { AdoptRemote, TakeRemote } from "./sync/adoptions.js";
export type { FoundValue } from "./sync/record-reader.js";
export { RedisSyncService, type RedisSyncServiceOptions } from "./sync/redis-sync-service.js";
export type { SyncTimings } from "./sync/timings.js";
export type { PreparedWrite } from "./sync/writes.js";
export type { BufferLimits } from "./sync/write-buffer.js";
export type { Version } from "./sync/version.js";
