import { type ErrorCode, KartaError } from '@karta/protocol';
import { z } from 'zod';

const refusal = z.object({
  code: z.string().optional(),
  message: z.string().optional(),
  /** As OAuth has them. */
  error: z.string().optional(),
  error_description: z.string().optional(),
});

const CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'sign_in_failed',
  403: 'forbidden',
  404: 'not_found',
  429: 'rate_limited',
};

/** Seconds: a second factor that was tried too often rests this long. */
const SECOND_FACTOR_RETRY_S = 15 * 60;

/** A refusal of better-auth in our words; its own code becomes the `reason`, in lower case. */
export async function loginProblem(answer: Response): Promise<KartaError> {
  const parsed = refusal.safeParse(await answer.json().catch(() => ({})));
  const told = parsed.success ? parsed.data : {};
  const code = told.code ?? told.error;
  const message = told.message ?? told.error_description;
  if (answer.status >= 500) return new KartaError('internal', 'The login could not be served.');
  const reason = code === undefined ? {} : { reason: code.toLowerCase() };
  const known = CODES[answer.status];
  const errors = known === undefined ? faultsOf(message ?? 'is not valid') : [];
  const [first] = errors;
  const detail = first === undefined || first.pointer === '' ? message : textOf(errors);
  return new KartaError(known ?? 'validation_failed', detail, {
    extra: { ...reason, ...(first !== undefined && { errors }) },
    ...(answer.status === 429 && { retryAfter: SECOND_FACTOR_RETRY_S }),
  });
}

interface Fault {
  pointer: string;
  message: string;
}

/** `[body.email] Invalid email address; [body.name] …`, which better-auth says, as a list. */
function faultsOf(message: string): Fault[] {
  const named = [...message.matchAll(/\[body\.([^\]]+)\] (.*?)(?=; \[body\.|$)/g)];
  if (named.length === 0) return [{ pointer: '', message }];
  return named.map(([, path = '', fault = '']) => ({
    pointer: `/${path.replaceAll('.', '/')}`,
    message: fault.replace(/^Invalid input: /, '').replace(/^.*received undefined$/, 'is required'),
  }));
}

function textOf(faults: readonly Fault[]): string {
  return faults.map(({ pointer, message }) => `${pointer}: ${message}`).join('; ');
}
