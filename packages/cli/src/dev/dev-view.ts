import type { KartaEvent } from '@karta/protocol';
import { eventLine } from '../output/event-view.ts';
import { plainText } from '../output/plain-text.ts';
import type { Terminal } from '../output/terminal.ts';
import type { RunningServer } from '../supervisor/server.ts';

/** Colours that tell sessions apart. */
const COLOURS = ['cyan', 'magenta', 'green', 'yellow', 'blue'] as const;
const SHORT_ID = 'sess_'.length + 6;

/** What `karta dev` shows: one line per event, text gathered into lines, a colour per session. */
export class DevView {
  readonly #terminal: Terminal;
  readonly #json: boolean;
  readonly #colours = new Map<string, (typeof COLOURS)[number]>();
  /** Text of each session that no line break has ended. */
  readonly #open = new Map<string, string>();

  constructor(terminal: Terminal, json: boolean) {
    this.#terminal = terminal;
    this.#json = json;
  }

  ready(server: RunningServer, model: string): void {
    if (this.#json) {
      this.#terminal.json({ ready: true, url: server.url, isolation: server.isolation });
      return;
    }
    const { style } = this.#terminal;
    this.#terminal.out(`${style('bold', 'karta dev')} ${style('cyan', server.url)}\n`);
    this.#terminal.out(`${style('dim', `model: ${model}`)}\n`);
    this.#terminal.out(`${style('dim', `isolation: ${server.isolation}`)}\n`);
    for (const { ref, version, folder } of server.published) {
      this.#terminal.out(`${ref} ${version} from ${folder}; watching for changes\n`);
    }
    this.#terminal.out(`${style('dim', 'Talk to it from another terminal: npx karta chat')}\n\n`);
  }

  published(ref: string, version: string): void {
    if (this.#json) this.#terminal.json({ published: { ref, version } });
    else this.#terminal.out(`${this.#terminal.style('green', `published ${ref} ${version}`)}\n`);
  }

  refused(folder: string, problems: readonly string[]): void {
    if (this.#json) {
      this.#terminal.json({ refused: { folder, problems } });
      return;
    }
    const head = `${folder} was not published; what ran before goes on`;
    this.#terminal.out(`${this.#terminal.style('red', head)}\n`);
    for (const problem of problems) this.#terminal.out(`  ${plainText(problem)}\n`);
  }

  event(event: KartaEvent): void {
    if (this.#json) {
      this.#terminal.json(event);
      return;
    }
    if (event.type === 'text') {
      const text = (this.#open.get(event.session_id) ?? '') + event.data.part.text;
      const lines = text.split('\n');
      this.#open.set(event.session_id, lines.pop() ?? '');
      for (const line of lines) this.#line(event, line);
      return;
    }
    this.#flush(event);
    const line = eventLine(event, this.#terminal);
    if (line !== null) this.#line(event, line);
  }

  #flush(event: KartaEvent): void {
    const rest = this.#open.get(event.session_id);
    this.#open.delete(event.session_id);
    if (rest) this.#line(event, rest);
  }

  #line(event: KartaEvent, line: string): void {
    const id = event.session_id;
    let colour = this.#colours.get(id);
    if (colour === undefined) {
      colour = COLOURS[this.#colours.size % COLOURS.length] ?? 'cyan';
      this.#colours.set(id, colour);
    }
    this.#terminal.out(`${this.#terminal.style(colour, id.slice(0, SHORT_ID))} ${line}\n`);
  }
}
