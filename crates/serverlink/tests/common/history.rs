//! Topics with history: who keeps some, who asks for some, and what comes between.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serverlink::{
    Context, Delivery, Filter, Node, NodeBuilder, Options, Publisher, Subscriber, SubscriberOptions,
};

use super::proxy::Proxy;
use super::{WAIT, endpoint, eventually, number_in, quick};

/// Topics hosted by the node keep so many messages.
pub fn keeping(messages: usize) -> impl FnOnce(&mut Options) {
    move |options| options.history = messages
}

/// A node bound to a free port whose topics keep so many messages.
pub fn keeper(messages: usize, topics: &[&str]) -> Node {
    let builder = quick().options(keeping(messages));
    let node = builder.bind("tcp://127.0.0.1:0").start().unwrap();
    for topic in topics {
        node.create_topic(topic).unwrap();
    }
    node
}

/// A subscriber that asks for the last `history` messages, once all that was asked for is here.
pub fn late(node: &Node, filter: &str, history: usize) -> Subscriber {
    let subscriber = asking(node, filter, history, |_| {});
    subscriber.wait_subscribed(WAIT).unwrap();
    subscriber
}

pub fn asking(
    node: &Node,
    filter: &str,
    history: usize,
    change: impl FnOnce(&mut SubscriberOptions),
) -> Subscriber {
    let subscriber = node.subscriber();
    subscriber
        .configure(|options| {
            options.history = history;
            change(options);
        })
        .unwrap();
    let filter = Filter::try_from(filter).unwrap();
    subscriber.subscribe_filter(&filter).unwrap();
    subscriber
}

pub fn publish(publisher: &Publisher, numbers: Range<u64>) {
    for n in numbers {
        publisher.publish(n.to_le_bytes()).unwrap();
    }
}

/// What waits already, without waiting.
pub fn waiting(subscriber: &Subscriber) -> Vec<u64> {
    let taken = std::iter::from_fn(|| subscriber.try_recv().ok());
    let numbers = taken.map(|delivery| match delivery {
        Delivery::Message(message) => number_in(message.data()),
        other => panic!("{other:?} instead of a message"),
    });
    numbers.collect()
}

/// A node that hosts "t" with some history and a client, linked by each kind of link.
pub fn pairs(messages: usize) -> Vec<(&'static str, Node, Node)> {
    let start = |builder: NodeBuilder| builder.start().unwrap();
    static PAIRS: AtomicUsize = AtomicUsize::new(0);
    let number = PAIRS.fetch_add(1, Relaxed);
    let name = format!("spot-history-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let context = Context::new().unwrap();
    let host_on = |builder: NodeBuilder, endpoint: &str| {
        let builder = builder.options(keeping(messages)).topic("t");
        start(builder.bind(endpoint))
    };
    let join = |builder: NodeBuilder, host: &Node| {
        let client = start(builder.peer(endpoint(host)));
        client.sync(WAIT).unwrap();
        client
    };
    let itself = host_on(quick(), "tcp://127.0.0.1:0");
    let tcp = host_on(quick(), "tcp://127.0.0.1:0");
    let ipc = host_on(quick(), &format!("ipc://{}", path.display()));
    let inproc = host_on(context.node(), "inproc://history");
    let implicit = Context::new().unwrap();
    let unbound = start(implicit.node().options(keeping(messages)).topic("t"));
    vec![
        ("itself", itself.clone(), itself),
        ("tcp", tcp.clone(), join(quick(), &tcp)),
        ("ipc", ipc.clone(), join(quick(), &ipc)),
        ("inproc", inproc.clone(), join(context.node(), &inproc)),
        ("implicit", unbound, start(implicit.node())),
    ]
}

/// A host whose "t" keeps so many messages, and a client that reaches it through a network.
pub fn behind_proxy(messages: usize) -> (Node, Publisher, Proxy, Node) {
    let host = keeper(messages, &["t"]);
    let proxy = Proxy::before(&endpoint(&host));
    let client = quick().peer(&proxy.endpoint).start().unwrap();
    client.sync(WAIT).unwrap();
    let publisher = host.publisher("t").unwrap();
    (host, publisher, proxy, client)
}

/// Cuts the link, publishes in the meantime, and links again.
pub fn outage(publisher: &Publisher, proxy: &Proxy, numbers: Range<u64>) {
    proxy.cut();
    eventually("the host misses the link", || publisher.subscribers() == 0);
    publish(publisher, numbers);
    proxy.restore();
    eventually("the link is back", || publisher.subscribers() > 0);
}
