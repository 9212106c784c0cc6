//! What stands below the help of commands: examples, and what holds for them.

pub(super) const EXAMPLES: &str = "\
Examples:
  spot demo                                       see a cluster of three nodes at work
  spot node --topic chat:lobby                    host a topic on this machine ...
  spot sub 'chat:*'                               ... listen to it in a second terminal ...
  spot pub chat:lobby 'hello'                     ... and say something in a third
  spot node --bind 'tcp://*:5556' --peer tcp://a:5555 --topic sensor:temp
                                                  a second node, linked to the one at a
  spot topics --peer tcp://a:5555                 what the node at a hosts
  spot cluster --peer tcp://a:5555                the members of the cluster it belongs to
  spot top                                        watch the node of this machine and its cluster
  spot bench sub --bind 'tcp://*:5600'             how much gets across from another host: `spot bench pub` there
  sensor | spot pub sensor:temp --peer tcp://a:5555
                                                  one message for each line

Endpoints:
  tcp://HOST:PORT, tcp://*:PORT (bind, all addresses), tcp://127.0.0.1:0 (bind, any free port), tcp://[::1]:PORT,
  ipc://PATH

Environment (a flag wins over its variable; several values are separated by commas):
  SPOT_CLUSTER  --peer, for every command     SPOT_BIND    --bind of `spot node`
  SPOT_TOPICS   --topic of `spot node`        SPOT_NAME    --name of `spot node`
  SPOT_HISTORY  --history, for every command that has it
  SPOT_CLUSTER_SIZE, SPOT_DISCOVERY, SPOT_MINORITY, SPOT_RELAY, SPOT_ROUTES, SPOT_LOG, SPOT_ADMIN, SPOT_CONFIG
                the flags of `spot node` of these names; each key of its configuration has a variable, see there

Exit codes:
  0    done; also a node or an endless `spot sub` that Ctrl-C, SIGTERM or SIGHUP stopped
  1    failed, also for what a configuration file has; the reason is on standard error
  2    wrong usage
  3    the time was up: not connected, no answer, or not enough messages
  130  interrupted before the work was done

Data goes to standard output, everything else to standard error.";

pub(super) const NODE_EXAMPLES: &str = "\
Examples:
  spot node --topic chat:lobby
  spot node --bind 'tcp://*:5555' --topic sensor:temp,sensor:humidity --name a
  spot node --topic door --history 1                remember the last value of each topic
  spot node --bind 'tcp://*:5556' --peer tcp://a:5555 --peer tcp://c:5557
  SPOT_BIND='tcp://*:5556' SPOT_CLUSTER=tcp://a:5555,tcp://c:5557 spot node
  spot node --bind 'tcp://*:5555' --peer tcp://seed:5555 --discovery gossip    finds all others by one
  spot node --peer tcp://a:5555 --cluster-size 5 --minority refuse             never publishes cut off

  spot node --config /etc/spot.toml --check-config   is the file right?
  spot node --name a --relay --print-config        all keys and their values, as such a file
  spot node --set tcp.nodelay=false --set heartbeat.misses=5

Flags win over variables of the environment, these over the file, and that over the defaults. The variable of a key is
its name in capitals, with SPOT_ before it and _ for the dot: SPOT_TCP_NODELAY. Those of the flags are in `spot --help`.

Nodes may start in any order: a peer that is not there yet is tried again for ever. Ctrl-C or SIGTERM stops the node
with exit code 0. So does SIGHUP without --config; with it the file is read again.";

pub(super) const CLUSTER_EXAMPLES: &str = "\
Examples:
  spot cluster --peer tcp://a:5555                  the members that the node at a knows
  spot cluster --admin 10.0.0.7:8222                the same of a node, with its judgement: has it a majority?
  spot cluster --peer tcp://a:5555 --cluster-size 5   has it one of five?

A node counts the members that it was configured for (cluster_size), and tells that its own admin server only: without
--admin or --cluster-size nothing is said of a majority, and `quorum` and `has_quorum` are null with --json.";

pub(super) const PUB_EXAMPLES: &str = "\
Examples:
  spot pub chat:lobby 'hello'                       through the node at tcp://127.0.0.1:5555
  spot pub sensor:temp 21.5 --peer tcp://a:5555     through the node at a
  spot pub tick . -n 100 --rate 10                  100 messages, 10 a second
  tail -f app.log | spot pub log:app                one message for each line
  spot pub news 'extra!' --bind 'tcp://*:5555'      host the topic here, wait for a subscriber

A message for a topic hosted elsewhere goes to the node that hosts it, which passes it on to the subscribers; for a
topic that nobody offers it waits up to --timeout, then ends with exit code 3. With --bind this program hosts the topic itself for as long as it runs.";

pub(super) const SUB_EXAMPLES: &str = "\
Examples:
  spot sub sensor:temp                              through the node at tcp://127.0.0.1:5555
  spot sub 'sensor:*' 'chat:*' --peer tcp://a:5555  patterns: * any run, ? one, [a-z] a set
  spot sub sensor:temp --history 1 -n 1             the last value, if the node keeps some
  spot sub sensor:temp -n 1 --timeout 5             one message within 5 seconds, else exit code 3
  spot sub sensor:temp --json | jq .data
  spot sub camera:front -n 1 --raw > picture.jpg

A line is the topic, a space, and the data. Tab, newline and carriage return are shown as \\t, \\n and \\r, a backslash as
\\\\, and each byte of any other control character, or that is not UTF-8, as \\x1b or \\xff; so is a space in a topic: \\x20.
--json gives one object a line: topic, data (or data_base64 where it is not UTF-8), and seq, which counts the messages
of this run from 1. Messages missed and nodes lost are told on standard error.

A full queue with --overflow block holds up whoever publishes on the topic.";
