/** Every exit code of `karta`, in one place; `karta --help` lists them from here. */
export const EXIT = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'the turn or the command failed' },
  usage: { code: 2, meaning: 'the command line is wrong' },
  refused: { code: 3, meaning: 'the server refused the request' },
  unreachable: { code: 4, meaning: 'no server answers' },
  application: { code: 5, meaning: 'the application folder has errors' },
  machine: { code: 6, meaning: 'this machine lacks something Karta needs' },
  busy: { code: 7, meaning: 'the port or the home is in use' },
  broken: { code: 70, meaning: 'the installation is broken' },
  interrupted: { code: 130, meaning: 'interrupted (Ctrl-C)' },
  unread: { code: 141, meaning: 'whoever read the answer has gone' },
} as const;

export type ExitName = keyof typeof EXIT;
