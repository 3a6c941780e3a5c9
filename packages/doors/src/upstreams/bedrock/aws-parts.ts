import type { KeyParts } from '../../keys/key-parts.ts';

/** A request before it is signed. */
export interface UnsignedRequest {
  method: 'GET' | 'POST';
  url: URL;
  /** Lower-case; all of them are signed. */
  headers: Record<string, string>;
  body: Buffer;
}

/** A message of AWS's event stream. */
export interface EventStreamMessage {
  headers: Record<string, { value: unknown } | undefined>;
  body: Uint8Array;
}

/** What AWS's own packages do for us. */
export interface AwsParts {
  /** Signs for the service `bedrock` by version 4. Answers every header to be sent. */
  sign(
    request: UnsignedRequest,
    of: { key: KeyParts; region: string },
  ): Promise<Record<string, string>>;
  /** The sections of a shared credentials file as it is now; none where it cannot be read. */
  credentialsIn(path: string): Promise<Record<string, Record<string, string | undefined>>>;
  /** Reads one whole frame. Throws where one of its checksums does not hold. */
  decode(frame: Uint8Array): EventStreamMessage;
}

/** In place of AWS's other file, from which no key is taken. */
const NO_FILE = '/dev/null';

let loading: Promise<AwsParts> | null = null;

/**
 * Loads AWS's packages once: for the first who needs them, since they take 14 MB, or before the
 * process gives up root.
 */
export function awsParts(): Promise<AwsParts> {
  loading ??= load();
  return loading;
}

async function load(): Promise<AwsParts> {
  const [signing, protocols, serde, streams, config] = await Promise.all([
    import('@smithy/signature-v4'),
    import('@smithy/core/protocols'),
    import('@smithy/core/serde'),
    import('@smithy/core/event-streams'),
    import('@smithy/core/config'),
  ]);
  const { SignatureV4 } = signing;
  const { HttpRequest } = protocols;
  const { EventStreamCodec } = streams;
  const { loadSharedConfigFiles } = config;
  const sha256 = serde.Hash.bind(null, 'sha256');
  const codec = new EventStreamCodec(
    (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString()),
    (text) => Buffer.from(text),
  );
  return {
    async sign({ method, url, headers, body }, { key, region }) {
      const sessionToken = key.optional('session_token');
      const signature = new SignatureV4({
        service: 'bedrock',
        region,
        sha256,
        credentials: {
          accessKeyId: key.part('access_key_id'),
          secretAccessKey: key.part('secret_access_key'),
          ...(sessionToken === null ? {} : { sessionToken }),
        },
      });
      const request = new HttpRequest({
        method,
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: { ...headers, host: url.host },
        body,
      });
      return (await signature.sign(request)).headers;
    },
    async credentialsIn(path) {
      const read = { filepath: path, configFilepath: NO_FILE, ignoreCache: true };
      return (await loadSharedConfigFiles(read)).credentialsFile;
    },
    decode: (frame) => codec.decode(frame),
  };
}
