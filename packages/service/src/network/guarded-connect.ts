import { connect, type Socket } from 'node:net';
import type { AddressPolicy } from './address-policy.ts';
import type { NameResolver } from './name-resolver.ts';

/** Why a host could not be connected to. */
export type ConnectFault = 'unresolved' | 'forbidden_address' | 'unreachable';

/** No connection was made. The message names no address: it may be shown to whoever named the host. */
export class ConnectError extends Error {
  readonly fault: ConnectFault;
  constructor(fault: ConnectFault, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ConnectError';
    this.fault = fault;
  }
}

export interface GuardedConnect {
  host: string;
  port: number;
  policy: AddressPolicy;
  resolver: NameResolver;
  /** Time for the whole, in milliseconds: names, and every address that is tried. */
  timeoutMs: number;
  signal?: AbortSignal;
}

/**
 * Connects to a host that a customer named. It is resolved once, the addresses that the policy
 * refuses are left out, and the connection goes to exactly an address that was looked at: no later
 * answer of DNS can move it. Throws {@link ConnectError}, or the signal's reason.
 */
export async function guardedConnect(order: GuardedConnect): Promise<Socket> {
  const { host, policy, resolver } = order;
  const timeout = AbortSignal.timeout(order.timeoutMs);
  const signal = order.signal === undefined ? timeout : AbortSignal.any([timeout, order.signal]);
  const found = await untilAborted(resolver.addresses(host), signal).catch((cause: unknown) => {
    order.signal?.throwIfAborted();
    throw new ConnectError('unresolved', `${host} could not be resolved`, { cause });
  });
  if (found.length === 0) throw new ConnectError('unresolved', `${host} has no address`);
  const allowed = found.filter((address) => policy.allows(address));
  if (allowed.length === 0) {
    throw new ConnectError('forbidden_address', `${host} leads to no public address`);
  }
  let last: unknown;
  for (const address of allowed) {
    try {
      return await connectTo(address, order.port, signal);
    } catch (error) {
      order.signal?.throwIfAborted();
      last = error;
      if (timeout.aborted) break;
    }
  }
  throw new ConnectError('unreachable', `${host}:${order.port} does not answer`, { cause: last });
}

function connectTo(address: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: true });
    const settle = (error: Error | null) => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', settle).off('connect', onConnect);
      if (error === null) resolve(socket);
      else {
        socket.destroy();
        reject(error);
      }
    };
    const onConnect = () => settle(null);
    const onAbort = () => settle(new Error('no connection in time', { cause: signal.reason }));
    socket.once('connect', onConnect).once('error', settle);
    signal.addEventListener('abort', onAbort);
  });
}

/** The answer of a resolver may come long after nobody waits for it any more. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
