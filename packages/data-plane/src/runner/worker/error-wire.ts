import { HarnessError, type HarnessErrorCode } from '@karta/harness';
import { type ErrorCode, KartaError } from '@karta/protocol';
import { ReaderError, type ReaderErrorCode } from '@karta/sandbox';

/** An error as plain data: a thrown object loses its class on its way to another thread. */
export type ErrorWire =
  | {
      kind: 'karta';
      code: ErrorCode;
      message: string;
      extra: Record<string, unknown>;
      retryAfter: number | undefined;
      cause: string | null;
    }
  | { kind: 'harness'; code: HarnessErrorCode; message: string }
  | { kind: 'reader'; code: ReaderErrorCode; message: string }
  | { kind: 'other'; name: string; message: string; stack: string | undefined };

export function errorToWire(error: unknown): ErrorWire {
  if (KartaError.is(error)) {
    const { code, message, extra, retryAfter, cause } = error;
    // The cause is for the log of the other side; its message says enough.
    return { kind: 'karta', code, message, extra, retryAfter, cause: causeText(cause) };
  }
  if (error instanceof HarnessError) {
    return { kind: 'harness', code: error.code, message: error.message };
  }
  if (error instanceof ReaderError) {
    return { kind: 'reader', code: error.code, message: error.message };
  }
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return { kind: 'other', name, message, stack };
}

export function errorFromWire(wire: ErrorWire): Error {
  switch (wire.kind) {
    case 'karta': {
      const { code, message, extra, retryAfter, cause } = wire;
      return new KartaError(code, message, {
        extra,
        ...(retryAfter === undefined ? {} : { retryAfter }),
        ...(cause === null ? {} : { cause: new Error(cause) }),
      });
    }
    case 'harness':
      return new HarnessError(wire.code, wire.message);
    case 'reader':
      return new ReaderError(wire.code, wire.message);
    case 'other': {
      const error = new Error(wire.message);
      error.name = wire.name;
      if (wire.stack !== undefined) error.stack = wire.stack;
      return error;
    }
  }
}

function causeText(cause: unknown): string | null {
  if (cause === undefined) return null;
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}
