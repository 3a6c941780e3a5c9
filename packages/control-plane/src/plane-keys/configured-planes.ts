import { nodeIdOf, type PlanePublicKey, publicHalf } from '@karta/service/plane-auth';
import type { ControlPlaneConfig } from '../config.ts';
import type { PlaneKeyKind } from './tables.ts';

/** Somebody who signs requests between the planes, by the key that the configuration names. */
export interface ConfiguredPlane {
  kind: PlaneKeyKind;
  /** What it signs with at first, and is named after for ever. */
  key: PlanePublicKey;
  /** The data plane that it is or belongs to; `null` for the control plane. */
  node: PlanePublicKey | null;
  /** Which of the configured data planes that is. */
  nodeIndex: number | null;
}

/** This control plane, its data planes and their doors. */
export function configuredPlanes(
  config: Pick<ControlPlaneConfig, 'plane_key' | 'nodes'>,
): ConfiguredPlane[] {
  return [
    { kind: 'control', key: publicHalf(config.plane_key), node: null, nodeIndex: null },
    ...config.nodes.flatMap(({ key, doors_key }, nodeIndex): ConfiguredPlane[] => [
      { kind: 'node', key, node: key, nodeIndex },
      ...(doors_key === null
        ? []
        : [{ kind: 'doors' as const, key: doors_key, node: key, nodeIndex }]),
    ]),
  ];
}

/** What a plane is called in the audit log and towards operators. */
export function planeName({ node }: ConfiguredPlane): string {
  return node === null ? 'control' : nodeIdOf(node.kid);
}
