//! One test for each bug that was found, named after it.

use std::time::Duration;

use serverlink::Context;

const WAIT: Duration = Duration::from_secs(30);

/// A subscriber of another node of the context is attached as soon as its interest is read; its node may read only then
/// that the topic exists. A message published in between went nowhere.
#[test]
fn a_message_to_a_node_that_had_not_read_of_the_topic_was_lost() {
    let context = Context::new().unwrap();
    for round in 0..100 {
        let name = format!("inproc://round-{round}");
        let client = context
            .node()
            .options(|options| options.reconnect_max = Duration::from_millis(100))
            .peer(&name)
            .start()
            .unwrap();
        let subscriber = client.subscribe(["t"]).unwrap();
        let host = context.node().topic("t").bind(&name).start().unwrap();
        host.wait_subscribers("t", 1, WAIT).unwrap();
        host.publish("t", "1").unwrap();
        let received = subscriber.recv_timeout(WAIT).unwrap();
        assert_eq!(received.into_message().unwrap().data(), b"1");
    }
}
