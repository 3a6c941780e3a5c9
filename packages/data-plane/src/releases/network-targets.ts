import { hostName, type NetworkTarget, networkPort, networkTarget } from '@karta/protocol';
import { z } from 'zod';

/** Headers that frame a message or name its receiver: an added one would change the request itself. */
const FRAMING = new Set([
  ...['connection', 'content-length', 'expect', 'host', 'keep-alive', 'proxy-authorization'],
  ...['proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
]);

/** `host:port` as a `karta.toml` names it. */
const place = z.string().transform((text, context) => {
  const [host = '', port = '', ...more] = text.toLowerCase().split(':');
  const number = networkPort.safeParse(/^\d{1,5}$/.test(port) ? Number(port) : null);
  if (number.success && hostName.safeParse(host).success && more.length === 0) {
    return { host, port: number.data };
  }
  const message = `"${text}" must be "host:port", with a name (no address, no wildcard)`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const inject = networkTarget.shape.inject
  .unwrap()
  .refine(({ header }) => !FRAMING.has(header.toLowerCase()), 'this header cannot be added');

/** An entry of `[network] allow`: `"host:port"`, or a table that has a secret added outside. */
export const allowedTarget = z.union([
  place.transform((at): NetworkTarget => ({ ...at, inject: null })),
  z
    .strictObject({ host: place, inject })
    .transform((entry): NetworkTarget => ({ ...entry.host, inject: entry.inject })),
]);

/** An entry of `[build] allow`, which adds no secret. */
export const plainTarget = place.transform((at): NetworkTarget => ({ ...at, inject: null }));

/** Whether two entries mean one place. */
export function sameTarget(
  one: Pick<NetworkTarget, 'host' | 'port'>,
  other: Pick<NetworkTarget, 'host' | 'port'>,
): boolean {
  return one.host === other.host && one.port === other.port;
}
