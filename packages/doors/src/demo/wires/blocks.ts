import type { PromptMessage } from '../prompt.ts';

/** Gathers the blocks of one message. */
export class MessageBuilder {
  private readonly texts: string[] = [];
  private readonly other: string[] = [];
  private media = 0;

  text(value: string): this {
    this.texts.push(value);
    return this;
  }

  /** Something that costs tokens and is not said: a tool call, a result, thinking. */
  count(value: unknown): this {
    this.other.push(typeof value === 'string' ? value : JSON.stringify(value ?? null));
    return this;
  }

  attach(): this {
    this.media += 1;
    return this;
  }

  build(role: PromptMessage['role']): PromptMessage {
    return { role, texts: this.texts, other: this.other, media: this.media };
  }
}
