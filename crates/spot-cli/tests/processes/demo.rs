//! The demo checks itself; here it is checked that it says so.

use crate::support::spot;

#[test]
fn the_demo_loses_nothing_untold() {
    let done = spot(&["demo"]);
    let story = done.stdout.join("\n");
    assert_eq!(done.code, Some(0), "{}\n{story}", done.reason());
    assert_eq!(done.reason(), "");
    assert!(
        story.contains("REPORTED MISSING") && !story.contains('✗'),
        "{story}"
    );
}
