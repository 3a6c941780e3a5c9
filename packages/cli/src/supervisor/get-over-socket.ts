import { request } from 'node:http';

/** An answer larger than this is no answer of ours. In bytes. */
const MAX_BYTES = 1024 * 1024;
const TIMEOUT_MS = 5_000;

/** `GET path` over a unix socket with a bearer token; resolves to the JSON of a 200. */
export function getOverSocket(socketPath: string, path: string, token: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        socketPath,
        path,
        headers: { authorization: `Bearer ${token}`, host: 'doors' },
        timeout: TIMEOUT_MS,
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
          if (body.length > MAX_BYTES) call.destroy(new Error(`${path} answered too much`));
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode !== 200) {
            reject(new Error(`${path} answered ${response.statusCode}`));
            return;
          }
          try {
            resolve(JSON.parse(body));
          } catch (cause) {
            reject(new Error(`${path} answered no JSON`, { cause }));
          }
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`${path} did not answer`)));
    call.on('error', reject);
    call.end();
  });
}
