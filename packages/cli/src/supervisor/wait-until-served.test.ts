import { createServer } from 'node:http';
import { listen } from '@karta/http';
import { expect, test } from 'vitest';
import { waitUntilServed } from './wait-until-served.ts';

test('waits until the data plane has the version, and names the project within its path', async () => {
  const seen: (string | undefined)[] = [];
  const versions = [null, 'v1', 'v2'];
  const server = createServer((request, response) => {
    seen.push(request.url, request.headers.authorization);
    const version = versions.length === 0 ? 'v2' : versions.shift();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ref: 'a b', version }));
  });
  const port = await listen(server, { host: '127.0.0.1', port: 0 });
  try {
    await waitUntilServed({ url: `http://127.0.0.1:${port}`, apiKey: 'key' }, 'a b', 'v2');
    expect(seen).toHaveLength(6);
    expect(seen.slice(0, 2)).toEqual(['/v1/projects/a%20b', 'Bearer key']);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
