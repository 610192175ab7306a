import { ClusterGateway } from "./cluster-gateway.js";
import { NodeRedisGateway } from "./node-redis-gateway.js";
import type { GatewayDeadlines, RedisAddress } from "./redis-address.js";
import type { RedisGateway } from "./redis-gateway.js";

/** The gateway that fits the address: to a cluster, or to one server. Connects to nothing yet. */
export function openGateway(address: RedisAddress, deadlines?: GatewayDeadlines): RedisGateway {
  return address.cluster === undefined
    ? new NodeRedisGateway(address, deadlines)
    : new ClusterGateway(address, deadlines);
}
