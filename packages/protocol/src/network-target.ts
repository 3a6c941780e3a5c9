import { z } from 'zod';

/** Hosts that one release may reach, at most. Each costs its sandboxes a small process. */
export const NETWORK_TARGETS = 32;

/** A name as DNS has it, in lower case. An address is none: what it leads to could not be checked. */
const HOST_NAME =
  /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** A field name of HTTP (RFC 9110), short. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
/** What goes before a secret in a header, such as `Bearer `. */
const HEADER_PREFIX = /^[\x20-\x7e]{0,64}$/;

export const hostName = z.string().regex(HOST_NAME, 'must be a host name in lower case');
export const networkPort = z.int().min(1).max(65_535);

/**
 * A host and port that a release may reach. With `inject` the sandbox speaks plain HTTP to it, and
 * the egress door opens TLS and adds the header, whose secret no sandbox ever sees.
 */
export const networkTarget = z.strictObject({
  host: hostName,
  port: networkPort,
  inject: z
    .strictObject({
      header: z.string().regex(HEADER_NAME, 'must be the name of a header'),
      /** Name of the secret whose value the header gets. */
      secret: z.string().min(1).max(128),
      prefix: z.string().regex(HEADER_PREFIX, 'must be printable ASCII').default(''),
    })
    .nullable(),
});
export type NetworkTarget = z.infer<typeof networkTarget>;
