import assert from 'node:assert/strict';
import type { Case } from '../../conformance/case.ts';
import { run, sh } from '../../conformance/test-ground.ts';
import { unconfined } from '../probe.ts';

/** System calls that must not work, by number on x86-64 and arm64, with the errno that says so. */
const SYSTEM_CALLS = [
  ['keyctl', 250, 219, 'EPERM'],
  ['bpf', 321, 280, 'EPERM'],
  ['userfaultfd', 323, 282, 'EPERM'],
  ['perf_event_open', 298, 241, 'EPERM'],
  ['open_by_handle_at', 304, 265, 'EPERM'],
  ['ptrace', 101, 117, 'EPERM'],
  ['process_vm_readv', 310, 270, 'EPERM'],
  ['pidfd_getfd', 438, 438, 'EPERM'],
  ['mount', 165, 40, 'EPERM'],
  ['setns', 308, 268, 'EPERM'],
  ['unshare', 272, 97, 'EPERM'],
  ['io_uring_setup', 425, 425, 'ENOSYS'],
  ['clone3', 435, 435, 'ENOSYS'],
] as const;

export const privilegeCases: Case[] = [
  {
    name: 'no capability, no new privilege, the filter is on',
    confinedOnly: true,
    async run(setup) {
      const look = sh(
        "grep -E '^(CapEff|CapBnd|CapPrm|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'",
      );
      const control = await unconfined(setup, (sandbox) => run(sandbox, look));
      assert.ok(!control.stdout.includes('NoNewPrivs:1'), 'control: processes may gain privileges');
      const { stdout } = await run(await setup.create(), look);
      const zeros = '0'.repeat(16);
      assert.deepEqual(stdout.trim().split('\n'), [
        `CapPrm:${zeros}`,
        `CapEff:${zeros}`,
        `CapBnd:${zeros}`,
        `CapAmb:${zeros}`,
        'NoNewPrivs:1',
        'Seccomp:2',
      ]);
    },
  },
  {
    name: 'no further namespace can be made',
    confinedOnly: true,
    async run(setup) {
      const attack = sh(
        'for kind in -U -Um -Un -Up -Ur; do unshare $kind -f true 2>/dev/null && echo $kind; done; true',
      );
      const control = await unconfined(setup, (sandbox) => run(sandbox, attack));
      assert.ok(control.stdout.includes('-U\n'), 'control: namespaces can be made');
      const sandbox = await setup.create();
      assert.equal((await run(sandbox, attack)).stdout, '');
      const nested = 'bwrap --ro-bind / / true';
      assert.notEqual((await run(sandbox, sh(nested))).code, 0);
    },
  },
  {
    name: 'a set-user-id program gives nothing',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create();
      const { stdout } = await run(
        sandbox,
        sh(
          'for d in /workspace /home/agent /tmp; do cp /usr/bin/id $d/i; chmod 6755 $d/i; $d/i -u; done; grep -vE "nosuid" /proc/self/mountinfo; su -c id 2>/dev/null; true',
        ),
      );
      assert.equal(stdout, '1000\n1000\n1000\n');
    },
  },
  {
    name: 'dangerous system calls are refused, and harmless ones are not',
    confinedOnly: true,
    async run(setup) {
      const column = process.arch === 'x64' ? 1 : 2;
      const script = `use Errno; for my $n (@ARGV) { $! = 0; my $r = syscall($n, 0, 0, 0, 0, 0); print $r < 0 ? (grep { $!{$_} } keys %!)[0] : 'done', "\\n" }`;
      const getpid = process.arch === 'x64' ? 39 : 172;
      const numbers = SYSTEM_CALLS.map((call) => String(call[column]));
      const attack = {
        argv: ['/usr/bin/perl', '-e', script, String(getpid), ...numbers] as [string, ...string[]],
        env: { PATH: '/usr/bin:/bin' },
      };
      const answers = (await run(await setup.create(), attack)).stdout.trim().split('\n');
      assert.equal(answers.shift(), 'done', 'control: system calls can be made');
      assert.deepEqual(
        answers,
        SYSTEM_CALLS.map((call) => call[3]),
      );
      const control = await unconfined(setup, (sandbox) => run(sandbox, attack));
      assert.ok(!control.stdout.includes('ENOSYS'), 'control: the kernel has them all');
    },
  },
  {
    name: 'only unix and internet sockets can be made',
    confinedOnly: true,
    async run(setup) {
      const script =
        'use Socket; for my $f (1, 2, 16, 17, 38, 40) { print socket(my $s, $f, $f == 17 || $f == 16 ? 3 : $f == 38 ? 5 : 1, 0) ? "made" : "refused", "\\n" }';
      const attack = { argv: ['/usr/bin/perl', '-e', script] as [string, ...string[]], env: {} };
      const control = (await unconfined(setup, (sandbox) => run(sandbox, attack))).stdout.split(
        '\n',
      );
      assert.equal(control[2], 'made', 'control: a netlink socket can be made');
      const { stdout } = await run(await setup.create(), attack);
      assert.equal(stdout, `made\nmade\n${'refused\n'.repeat(4)}`);
    },
  },
  {
    name: 'only the usual protocols can be spoken on them',
    confinedOnly: true,
    async run(setup) {
      // The family's own, TCP, UDP, then UDP-Lite and SCTP: the kernel loads what it has of those.
      const script =
        'use Socket; for ([0, 1], [6, 1], [17, 2], [136, 2], [132, 5]) { print socket(my $s, AF_INET, $_->[1], $_->[0]) ? "made" : "refused", "\\n" }';
      const attack = { argv: ['/usr/bin/perl', '-e', script] as [string, ...string[]], env: {} };
      const control = (await unconfined(setup, (sandbox) => run(sandbox, attack))).stdout;
      assert.equal(control.split('\n')[3], 'made', 'control: a UDP-Lite socket can be made');
      const { stdout } = await run(await setup.create(), attack);
      assert.equal(stdout, `${'made\n'.repeat(3)}${'refused\n'.repeat(2)}`);
    },
  },
  {
    name: 'the first process cannot be read, written or ended',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create();
      const script = `
        cat /proc/self/environ >/dev/null && echo control
        for f in environ mem maps; do cat /proc/1/$f >/dev/null 2>&1 && echo $f; done
        ls /proc/1/root/ /proc/1/cwd/ /proc/1/fd/ >/dev/null 2>&1 && echo root
        kill -9 1; kill -STOP 1; echo survived`;
      assert.equal((await run(sandbox, sh(script))).stdout, 'control\nsurvived\n');
    },
  },
  {
    name: 'tools, the system and the settings of the kernel cannot be written',
    confinedOnly: true,
    async run({ create, ground }) {
      const sandbox = await create({
        tools: [{ source: `${ground.release}/hello.txt`, target: '/opt/tool' }],
      });
      const places = [
        '/opt/tool',
        '/opt/karta/node',
        '/opt/new',
        '/usr/bin/env',
        '/usr/new',
        '/etc/passwd',
        '/etc/hosts',
        '/etc/new',
        '/new',
        '/run/karta/launch',
        '/run/new',
        '/dev/new',
        '/dev/null/x',
        '/proc/sys/kernel/hostname',
        '/proc/sys/kernel/core_pattern',
        '/proc/sys/vm/overcommit_memory',
        '/proc/sys/user/max_user_namespaces',
        '/proc/sysrq-trigger',
        '/proc/self/uid_map',
      ];
      const script = `echo x > /workspace/x && echo control; for f in ${places.join(' ')}; do (echo 1 >> $f) 2>/dev/null && echo $f; done; (echo -999 > /proc/self/oom_score_adj) 2>/dev/null && echo oom; true`;
      assert.equal((await run(sandbox, sh(script))).stdout, 'control\n');
    },
  },
];
