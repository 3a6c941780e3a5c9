/**
 * The three scripts of ours that run inside a sandbox, in the order in which they start. They are
 * plain `sh`, hold nothing of the host, and leave no process of theirs between the host and the
 * harness: the last one becomes the command.
 */

/** Folder of everything the platform puts inside; read-only there. */
export const KARTA_INSIDE = '/run/karta';
/** Descriptors that travel to the launch script. */
export const INNER_ARGUMENTS_FD = 4;
export const CONTROL_FD = 5;
export const FILTER_FD = 6;
/**
 * How long a start waits for the others, in seconds. Each takes milliseconds; what runs inside can
 * hold the lock, and keeps its own sandbox from starting anything.
 */
const TURN_SECONDS = 10;
/** Exit code of a command that never started, because the plumbing around it did not. */
export const LAUNCH_FAILED = 125;

/**
 * Makes the mount points of the protected paths in the volume, as the sandbox's own user and where
 * nothing of the host is to be seen: a planted link leads nowhere. Lines of `paths`: what the path
 * must be (`directory`, `file`, `absent`), a tab, the path. Several processes may start at once, and
 * go through this one by one: what removes a link by its name would remove the file that another has
 * put there meanwhile, and the platform's with it, which is mounted on that file. With \`hosts\` as
 * the first argument it first lets forwarders listen on the ports of hosts, most of which are below
 * 1024.
 */
export const PREPARE_SCRIPT = `set -u
limit=/proc/sys/net/ipv4/ip_unprivileged_port_start
if [ "$1" = hosts ]; then echo 0 > "$limit" || exit ${LAUNCH_FAILED}; fi
shift
folder() {
  if [ -L "$1" ]; then rm -f -- "$1"; elif [ -e "$1" ] && [ ! -d "$1" ]; then rm -f -- "$1"; fi
  [ -d "$1" ] || mkdir -- "$1" 2>/dev/null
  usable "$1"
}
usable() { { [ -r "$1" ] && [ -w "$1" ] && [ -x "$1" ]; } || chmod u+rwx -- "$1"; }
clear() { rm -rf -- "$1" 2>/dev/null || { chmod -R u+rwX -- "$1"; rm -rf -- "$1"; }; }
parents() {
  case $1 in /workspace/*) made=/workspace ;; *) made=/home/agent ;; esac
  rest=\${1#$made/}
  while [ "\${rest#*/}" != "$rest" ]; do
    made=$made/\${rest%%/*} rest=\${rest#*/}
    folder "$made"
  done
}
usable /workspace
usable /home/agent
exec 9< ${KARTA_INSIDE}/paths
/usr/bin/flock -w ${TURN_SECONDS} 9 || { echo 'another start does not end' >&2; exit ${LAUNCH_FAILED}; }
tab=$(printf '\\t')
while IFS="$tab" read -r kind path; do
  case $kind in
    directory) parents "$path"; folder "$path" ;;
    file) parents "$path"
      if [ -L "$path" ]; then rm -f -- "$path"
      elif [ -e "$path" ] && [ ! -f "$path" ]; then clear "$path"; fi
      [ -f "$path" ] || : >> "$path" ;;
    absent) [ -e "$path" ] || [ -L "$path" ] && clear "$path" ;;
  esac
done <&9
exec 9<&-
exec /usr/bin/bwrap --args ${INNER_ARGUMENTS_FD} -- /bin/sh ${KARTA_INSIDE}/launch "$@"
`;

/**
 * Starts the forwarders, waits until all listen, starts the control loop and becomes the command.
 * Arguments: forwarders, comma-separated, each as address, port, socket and the hexadecimal address
 * and port, with slashes between; options of \`prlimit\` or empty; variables to drop that the shell itself made; then the command.
 */
export const LAUNCH_SCRIPT = `set -u
forwarders=$1 limits=$2 drop=$3
shift 3
listening() {
  while IFS=' ' read -r _ local _ state _; do
    [ "$local $state" = "$1" ] && return 0
  done < /proc/net/tcp
  return 1
}
part() { rest=\${rest#*/}; now=\${rest%%/*}; }
old=$IFS IFS=,
for forwarder in $forwarders; do
  rest=/$forwarder
  part; address=$now; part; port=$now; part
  ( /usr/bin/setsid /usr/bin/socat -t600 -b65536 \\
    "TCP-LISTEN:$port,bind=$address,reuseaddr,fork,max-children=128,nodelay" \\
    "UNIX-CONNECT:${KARTA_INSIDE}/offer/$now" \\
    </dev/null >/dev/null 2>&1 ${CONTROL_FD}>&- & )
done
for forwarder in $forwarders; do
  rest=/$forwarder
  part; part; port=$now; part; part; wanted=$now; part
  wanted="$wanted:$now 0A" tries=0
  until listening "$wanted"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 500 ]; then echo "no forwarder listens on port $port" >&2; exit ${LAUNCH_FAILED}; fi
    /usr/bin/sleep 0.01
  done
done
IFS=$old
( /usr/bin/setsid /bin/sh ${KARTA_INSIDE}/control $$ </dev/null >/dev/null 2>&1 & )
ulimit -c 0
exec \${limits:+/usr/bin/prlimit $limits --} /usr/bin/env $drop -- "$@" ${CONTROL_FD}>&-
`;

/**
 * Obeys lines of the platform: \`kill SIGNAL\` for the command, \`dial ID PORT\` to join a port inside
 * with a socket that the platform has just made. Answers \`refused ID\` when nothing listens.
 */
export const CONTROL_SCRIPT = `set -u
main=$1
while read -r word first second <&${CONTROL_FD}; do
  case $word in
    kill) kill -s "$first" "$main" 2>/dev/null ;;
    dial) ( /usr/bin/socat -t600 -b65536 "TCP:127.0.0.1:$second,nodelay" \\
      "UNIX-CONNECT:${KARTA_INSIDE}/dial/$first" ${CONTROL_FD}>&- || echo "refused $first" >&${CONTROL_FD} ) & ;;
  esac
done
`;
