import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { PassThrough, type Readable } from 'node:stream';
import { appFolderOf } from '../../releases/app-folder.ts';
import { resolveConfigLinks } from '../../releases/config-links.ts';
import { copyTree } from '../../releases/copy-tree.ts';
import { contentDigest } from '../../releases/digest.ts';
import { readKartaToml } from '../../releases/karta-toml.ts';
import { hasErrors } from '../../releases/problem.ts';
import { walkFolder } from '../../releases/walk.ts';
import { type BuilderLine, type BuilderRequest, builderRequest } from '../build-wire.ts';
import { findings, sizeOfTree } from '../build-words.ts';
import { fileDigests, imageOf } from '../image/write-image.ts';
import { BuildRefused } from './build-refused.ts';
import { examine } from './examine.ts';
import { runSetup } from './run-setup.ts';
import { unpackArchive } from './unpack-archive.ts';

/**
 * The builder: the program that turns an archive into an image, inside a sandbox that exists for
 * this one publish. Its input is the request as a line and then the archive; it answers with lines
 * of JSON, and after the line `image` with the image's bytes.
 */
const { request, archive } = await readRequest(process.stdin);
try {
  await build(request, archive);
} catch (error) {
  if (!BuildRefused.is(error)) throw error;
  say({ kind: 'failed', problems: [...error.problems].slice(0, 1000) });
}
process.stdin.destroy();

async function build(request: BuilderRequest, archive: Readable): Promise<void> {
  const { incoming, workspace } = request;
  if (request.step === 'setup') {
    archive.resume();
    await finish(request, await setupOf(workspace));
    return;
  }
  await mkdir(incoming, { recursive: true });
  await unpackArchive(archive, incoming);
  const walked = await walkFolder(incoming);
  log(`unpacked ${sizeOfTree(walked.entries)}`);
  const flat = resolveConfigLinks(walked.entries);
  const guarded = [...walked.problems, ...flat.problems];
  if (hasErrors(guarded)) throw new BuildRefused(guarded);
  const digests = await copyTree(incoming, workspace, flat.entries);
  await rm(incoming, { recursive: true, force: true });
  const entries = flat.entries.map((entry) =>
    entry.kind === 'file' ? { ...entry, source: entry.path } : entry,
  );
  const content_digest = contentDigest(entries, digests);
  const { facts, setup } = await examine(workspace, entries, request);
  for (const line of findings(facts)) log(line);
  log(`content sha256:${content_digest}`);
  say({ kind: 'examined', content_digest, ...facts });
  if (setup === null) await sendImage(workspace, entries, digests);
  else if (facts.build_allow.length === 0) await finish(request, setup);
}

/** Runs the application's own code, and takes the tree as it leaves it. */
async function finish({ workspace, env }: BuilderRequest, setup: string): Promise<void> {
  log(`$ ${setup}`);
  const began = performance.now();
  await runSetup(setup, workspace, env.plain, log);
  const entries = await entriesOf(workspace);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  log(`setup took ${seconds} s and leaves ${sizeOfTree(entries)}`);
  await sendImage(workspace, entries, await fileDigests(workspace, entries));
}

/** The command of `[build] setup` in a tree that was examined. */
async function setupOf(workspace: string): Promise<string> {
  const app = appFolderOf(workspace, await entriesOf(workspace));
  const setup = readKartaToml(app, { builds: true }).toml.build?.setup;
  if (setup === undefined) throw new Error('the tree has no setup any more');
  return setup;
}

async function entriesOf(workspace: string): Promise<Parameters<typeof imageOf>[1]> {
  const walked = await walkFolder(workspace);
  const resolved = resolveConfigLinks(walked.entries);
  const problems = [...walked.problems, ...resolved.problems];
  if (hasErrors(problems)) throw new BuildRefused(problems);
  return resolved.entries as Parameters<typeof imageOf>[1];
}

async function sendImage(...[tree, entries, digests]: Parameters<typeof imageOf>): Promise<void> {
  say({ kind: 'image' });
  for await (const chunk of imageOf(tree, entries, digests)) {
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  }
}

function log(text: string): void {
  say({ kind: 'log', text });
}

function say(line: BuilderLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** The first line of the input, and the rest of it as a stream. */
async function readRequest(
  input: Readable,
): Promise<{ request: BuilderRequest; archive: Readable }> {
  let head = Buffer.alloc(0);
  const archive = new PassThrough();
  for await (const chunk of input.iterator({ destroyOnReturn: false })) {
    head = Buffer.concat([head, chunk as Buffer]);
    const end = head.indexOf(0x0a);
    if (end < 0) continue;
    archive.write(head.subarray(end + 1));
    input.pipe(archive);
    return { request: builderRequest.parse(JSON.parse(head.toString('utf8', 0, end))), archive };
  }
  throw new Error('the input ends before its first line');
}
