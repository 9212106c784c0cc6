//! Topics: hosting, routing, looking them up.

use std::ffi::{c_char, c_int, c_void};

use serverlink::{TopicInfo, TopicPlace};

use crate::block::{self, Block};
use crate::failure::Failure;
use crate::{args, fence, spot};

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_topic_create(spot: *mut c_void, topic: *const c_char) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        // SAFETY: the caller's text.
        spot.running()?
            .node
            .create_topic(unsafe { args::text(topic, "topic of slk_spot_topic_create")? })?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_topic_route(
    spot: *mut c_void,
    topic: *const c_char,
    endpoint: *const c_char,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        // SAFETY: the caller's texts.
        let (topic, endpoints) = unsafe {
            (
                args::text(topic, "topic of slk_spot_topic_route")?,
                args::text(endpoint, "endpoint of slk_spot_topic_route")?,
            )
        };
        Ok(spot.running()?.node.route_topic(topic, endpoints)?)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_topic_destroy(spot: *mut c_void, topic: *const c_char) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        // SAFETY: the caller's text.
        Ok(spot
            .running()?
            .node
            .destroy_topic(unsafe { args::text(topic, "topic of slk_spot_topic_destroy")? })?)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_topic_exists(spot: *mut c_void, topic: *const c_char) -> c_int {
    // SAFETY: the caller's text.
    fence::number(|| {
        Ok(
            unsafe { look_up(spot, topic, "topic of slk_spot_topic_exists")? }
                .is_some()
                .into(),
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_topic_is_local(spot: *mut c_void, topic: *const c_char) -> c_int {
    // SAFETY: the caller's text.
    fence::number(|| {
        Ok(
            unsafe { look_up(spot, topic, "topic of slk_spot_topic_is_local")? }
                .is_some_and(|topic| topic.place == TopicPlace::Local)
                .into(),
        )
    })
}

/// # Safety
/// `topic` is NULL or the caller's text.
unsafe fn look_up(
    spot: *mut c_void,
    topic: *const c_char,
    what: &str,
) -> Result<Option<TopicInfo>, Failure> {
    let spot = spot::get(spot)?;
    // SAFETY: the caller vouches for it.
    let topic = args::topic(unsafe { args::text(topic, what)? })?;
    Ok(spot.running()?.node.topic(topic))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_list_topics(
    spot: *mut c_void,
    topics: *mut *mut *mut c_char,
    count: *mut usize,
) -> c_int {
    fence::status(|| {
        let spot = spot::get(spot)?;
        let topics = args::place(topics, "topics of slk_spot_list_topics")?;
        let count = args::place(count, "count of slk_spot_list_topics")?;
        let known = spot.running()?.node.topics();
        let list = list(&known)?;
        // SAFETY: the caller's places.
        unsafe {
            topics.write(list);
            count.write(known.len());
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_list_topics_free(topics: *mut *mut c_char, _count: usize) {
    // SAFETY: NULL or what slk_spot_list_topics gave.
    unsafe { block::free(topics) };
}

/// The names, and one NULL after them.
fn list(topics: &[TopicInfo]) -> Result<*mut *mut c_char, Failure> {
    let text_bytes = topics.iter().map(|topic| topic.name.len() + 1).sum();
    let mut block = Block::new(topics.len() + 1, text_bytes)?;
    for (index, topic) in topics.iter().enumerate() {
        let name = block.text(&topic.name);
        // SAFETY: below the count above.
        unsafe { block.record(index, name) };
    }
    // SAFETY: the one after them.
    unsafe { block.record(topics.len(), std::ptr::null_mut()) };
    Ok(block.finish())
}
