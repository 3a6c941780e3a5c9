import type { ServerResponse } from 'node:http';

/**
 * Calls `listener` once when the connection is done with an answer, at once if it is already: the
 * client may have gone while the request was still being looked at.
 */
export function onceClosed(
  outgoing: Pick<ServerResponse, 'destroyed' | 'once'>,
  listener: () => void,
): void {
  if (outgoing.destroyed) listener();
  else outgoing.once('close', listener);
}

/**
 * A signal that aborts when the client has gone. It listens to the socket, since the signal of a
 * web `Request` costs a copy of the whole request.
 */
export function goneSignal(outgoing: Pick<ServerResponse, 'destroyed' | 'once'>): AbortSignal {
  const gone = new AbortController();
  onceClosed(outgoing, () => gone.abort());
  return gone.signal;
}
