import { pipeline, Readable, type Transform } from 'node:stream';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';

/** How every zstd frame begins. */
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** The level that costs little more than reading: an image is written once and pulled by each node. */
const LEVEL = 3;
/** 2^23 bytes: the most memory that a frame may ask of whoever unpacks it. */
const MAX_WINDOW_LOG = 23;

/** Compresses an image on its way to the control plane, which keeps it as it comes. */
export function imageCompressor(): Transform {
  return createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_windowLog]: MAX_WINDOW_LOG,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
}

/**
 * The image in what the control plane keeps: compressed, or plain as releases of earlier versions
 * are. It is unpacked only as fast as it is read, in bounded memory; how much of it may come is for
 * the reader to say, whose manifest names every byte.
 */
export async function* storedImage(stored: Readable): AsyncGenerator<Buffer> {
  const chunks = stored.iterator() as AsyncIterableIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < ZSTD_MAGIC.length) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  async function* all(): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    yield* chunks;
  }
  if (!head.subarray(0, ZSTD_MAGIC.length).equals(ZSTD_MAGIC)) {
    yield* all();
    return;
  }
  const unpacked = createZstdDecompress({
    params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
  });
  // What goes wrong on the way is thrown to whoever reads what comes out.
  yield* pipeline(Readable.from(all(), { objectMode: false }), unpacked, () => {});
}
