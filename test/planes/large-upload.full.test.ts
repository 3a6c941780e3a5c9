import { LIMITS } from '@karta/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builderOn } from './builder.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

const MB = 1024 * 1024;
/** The same bytes again and again: what grows is not the sender's. */
const CHUNK = new Uint8Array(MB).fill(120);
/** What of memory an upload of hundreds of megabytes may take at most, both ends of it together. */
const FLAT_BYTES = 160 * MB;

let planes: TwoPlanes;
beforeAll(async () => {
  planes = await startTwoPlanes();
});
afterAll(() => planes?.stop());

/** So many megabytes, told as they are read; the most memory that was used meanwhile. */
function bytes(count: number): { body: ReadableStream<Uint8Array>; most(): number } {
  let left = count;
  let most = 0;
  return {
    most: () => most,
    body: new ReadableStream({
      pull(controller) {
        most = Math.max(most, process.memoryUsage().rss);
        if (left <= 0) {
          controller.close();
          return;
        }
        controller.enqueue(CHUNK);
        left -= CHUNK.length;
      },
    }),
  };
}

test('an upload as large as may be is taken in flat memory', async () => {
  const builder = builderOn(planes);
  const before = process.memoryUsage().rss;
  const upload = bytes(LIMITS.archiveBytes);
  const answer = await builder.upload('large', upload.body);
  expect(answer.status).toBe(202);
  expect(upload.most() - before).toBeLessThan(FLAT_BYTES);
  const { id } = (await answer.json()) as { id: string };
  expect((await builder.built('large', id)).build.status).toBe('failed');
});

test('one of 2 GB is cut off at the limit, and nothing of it stays', async () => {
  const builder = builderOn(planes);
  const before = process.memoryUsage().rss;
  const upload = bytes(2048 * MB);
  // Whether the answer or the end of the connection comes first is for the sockets to say.
  const outcome = await builder.upload('huge', upload.body).then(
    async (answer) => `${answer.status}`,
    () => 'cut',
  );
  expect(['413', 'cut']).toContain(outcome);
  expect(upload.most() - before).toBeLessThan(FLAT_BYTES);
  const project = await builder.ask(`${planes.control.url}/v1/projects/huge`);
  expect(project.status).toBe(404);
});
