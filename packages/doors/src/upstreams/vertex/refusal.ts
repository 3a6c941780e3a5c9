import { z } from 'zod';
import { parsedJson } from '../../wire/parsed-json.ts';
import { type CloudError, errorTypeOf } from '../cloud-refusal.ts';
import type { ProviderAnswer } from '../provider-connection.ts';

/** Google's own form, or Anthropic's; of the former some servers send a list. */
const errorBody = z.object({
  error: z.object({ message: z.string(), type: z.string().optional() }),
});
const answer = z.union([
  errorBody,
  z
    .tuple([errorBody])
    .rest(z.unknown())
    .transform(([first]) => first),
]);

/** Understands refusals of Vertex, whoever of the two they come from. */
export function readVertexError({ status }: ProviderAnswer): (text: string) => CloudError | null {
  return (text) => {
    const told = answer.safeParse(parsedJson(text));
    if (!told.success) return null;
    const { message } = told.data.error;
    return { type: errorTypeOf(status), message };
  };
}
