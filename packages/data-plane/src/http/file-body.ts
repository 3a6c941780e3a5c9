import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';

/**
 * A file's bytes as the body of an answer that has promised `size` of them. They come out of a
 * sandbox: one byte more would be read as the beginning of the next answer on the connection, so
 * a source that does not keep to its size, or fails, has the connection cut.
 */
export function fileBody(
  source: Readable,
  size: number,
  connection: Pick<ServerResponse, 'destroy'>,
): ReadableStream<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let sent = 0;
  function cut(): void {
    source.destroy();
    connection.destroy();
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        if (done) {
          if (sent < size) cut();
          controller.close();
          return;
        }
        sent += value.length;
        if (sent <= size) {
          controller.enqueue(value);
          return;
        }
      } catch {
        // The client sees a file that is too short; what failed inside is not for its eyes.
      }
      cut();
      controller.close();
    },
    cancel() {
      source.destroy();
    },
  });
}
